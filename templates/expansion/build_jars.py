"""Builds the jars that are ours, for `make setup` and for the images: patched ones and our classes.

    build_jars.py --java=JAVA --jars=FOLDER --originals=FOLDER --sources=FOLDER --compiler=FOLDER

Every diff in patches/ is applied to Beam's published source, compiled, and put into a copy of the
jar that holds the class. The copy, …-patched.jar, replaces it in --jars; the original moves to
--originals, where tests of the fault find it. java/ becomes payments-kafka.jar. No class is in two
jars, so the order of a class path does not matter.

The same source gives the same bytes: one compiler, pinned; entries sorted, without time, not
compressed. built.lock holds their digests, and any other digest is an error. `--relock` writes it.
Needs nothing but Python's own library, a Java runtime of version 17 or newer, and the four folders.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

HERE = Path(__file__).parent
LOCK = HERE / "built.lock"
OURS = "payments-kafka.jar"
PATCHED = "-patched.jar"
_SOURCES = "-sources.jar"
# What a Flink image of any kind runs. No --release: a Java runtime has not what that looks up.
_TARGET = ("-source", "11", "-target", "11", "-encoding", "UTF-8", "-proc:none", "-nowarn")
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_MANIFEST = "META-INF/MANIFEST.MF"
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class DoesNotApply(ValueError):
    """A diff is not one for this source; the message says where."""


class Patch(NamedTuple):
    """One diff of one class: its source's path in the jar, and the lines after the names."""

    file: str
    hunks: list[str]


def read_patch(diff: str) -> Patch:
    """Returns the one patch in a unified diff; what stands before it is for people.

    Raises:
        DoesNotApply: it is not one of one file.
    """
    lines = diff.splitlines()
    names = [n for n, line in enumerate(lines) if line.startswith("--- a/")]
    if len(names) != 1 or not lines[names[0] + 1].startswith("+++ b/"):
        raise DoesNotApply(f"holds {len(names)} files, not one as --- a/… and +++ b/…")
    [start] = names
    return Patch(lines[start].removeprefix("--- a/").split("\t")[0], lines[start + 2 :])


def apply(patch: Patch, source: str) -> str:
    """Returns the source with the patch, at the very lines that it names.

    Raises:
        DoesNotApply: a line is another one: has the version changed?
    """
    before, after, position = source.splitlines(), [], 0
    for line in patch.hunks:
        hunk = _HUNK.match(line)
        if hunk:
            start = int(hunk[1]) - 1
            after += before[position:start]
            position = start
            continue
        kind, text = line[:1], line[1:]
        if kind == "+":
            after.append(text)
            continue
        found = before[position] if position < len(before) else None
        if kind not in (" ", "-", "") or found != text:
            raise DoesNotApply(f"{patch.file}:{position + 1} is {found!r}, not {text!r}")
        position += 1
        if kind != "-":
            after.append(text)
    return "\n".join(after + before[position:]) + "\n"


def write_jar(target: Path, content: Mapping[str, bytes]) -> None:
    """Writes the same bytes for the same content, whatever the day and the compressor."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as jar:
        for name in sorted(content, key=lambda name: (name != _MANIFEST, name)):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            jar.writestr(entry, content[name])


class Build:
    """The folders, and what is done in them."""

    def __init__(self, folders: argparse.Namespace, scratch: Path) -> None:
        self._java: Path = folders.java
        self._jars: Path = folders.jars
        self._originals: Path = folders.originals
        self._sources: Path = folders.sources
        self._compiler: Path = folders.compiler
        self._scratch = scratch

    def patched_jars(self, diffs: Sequence[Path]) -> list[Path]:
        """Returns the jars that replace those whose sources are here."""
        files = self._patched_sources(diffs)
        for archive in files:
            self._set_aside(archive)
        return [self._patched_jar(archive, names) for archive, names in files.items()]

    def our_jar(self, java: Path) -> Path:
        """Returns the jar of our own classes."""
        classes = self._compile("ours", sorted(java.rglob("*.java")))
        write_jar(self._jars / OURS, _files(classes))
        return self._jars / OURS

    def _patched_sources(self, diffs: Sequence[Path]) -> dict[Path, set[str]]:
        """Writes the patched sources, by jar of sources; returns which files each has."""
        found: dict[Path, set[str]] = {each: set() for each in self._sources.glob(f"*{_SOURCES}")}
        for diff in diffs:
            try:
                patch = read_patch(diff.read_text(encoding="utf-8"))
                archive = self._archive_with(patch.file)
                target = self._scratch / archive.stem / patch.file
                patched = apply(patch, self._source(archive, patch.file, target))
            except DoesNotApply as error:
                _fail(f"{diff.name} does not apply: {error}", "has Beam been upgraded?")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(patched, encoding="utf-8")
            found[archive].add(patch.file)
        return found

    def _archive_with(self, file: str) -> Path:
        for archive in sorted(self._sources.glob(f"*{_SOURCES}")):
            with zipfile.ZipFile(archive) as sources:
                if file in sources.namelist():
                    return archive
        raise DoesNotApply(f"no jar of sources in {self._sources} holds {file}")

    def _source(self, archive: Path, file: str, patched_before: Path) -> str:
        """Returns the source as the diff before this one has left it."""
        if patched_before.exists():
            return patched_before.read_text(encoding="utf-8")
        with zipfile.ZipFile(archive) as sources:
            return sources.read(file).decode()

    def _set_aside(self, archive: Path) -> None:
        """Moves the original out of the folder of jars, with what was made of it before."""
        name = archive.name.removesuffix(_SOURCES)
        self._originals.mkdir(parents=True, exist_ok=True)
        if (self._jars / f"{name}.jar").exists():
            (self._jars / f"{name}.jar").replace(self._originals / f"{name}.jar")
        if not (self._originals / f"{name}.jar").exists():
            _fail(f"no {name}.jar in {self._jars}", "its version is that of ../pom.xml: make lock")
        (self._jars / f"{name}{PATCHED}").unlink(missing_ok=True)

    def _patched_jar(self, archive: Path, files: set[str]) -> Path:
        name = archive.name.removesuffix(_SOURCES)
        folder = self._scratch / archive.stem
        classes = self._compile(name, [folder / file for file in sorted(files)])
        with zipfile.ZipFile(self._originals / f"{name}.jar") as original:
            content = {
                each: original.read(each)
                for each in original.namelist()
                if not each.endswith("/") and _source_of(each) not in files
            }
        target = self._jars / f"{name}{PATCHED}"
        write_jar(target, content | _files(classes))
        return target

    def _compile(self, name: str, sources: Sequence[Path]) -> Path:
        classes = self._scratch / "classes" / name
        classes.mkdir(parents=True)
        if not sources:
            return classes
        jars = [*self._jars.glob("*.jar"), *self._originals.glob("*.jar")]
        compilers = sorted(self._compiler.glob("ecj-*.jar"))
        command = [self._java, "-jar", *compilers, *_TARGET, "-d", classes]
        command += ["-cp", ":".join(map(str, sorted(jars))), *sources]
        ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        if ended.returncode:
            _fail(f"{name} does not compile:\n{ended.stdout}{ended.stderr}", "see above")
        return classes


def _source_of(entry: str) -> str:
    """Returns the source of a class, of one within another too."""
    return re.sub(r"(\$[^/]*)?\.class$", ".java", entry)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        each.relative_to(folder).as_posix(): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def _check(built: Sequence[Path], relock: bool) -> None:
    lines = [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in built]
    found = "".join(sorted(lines, key=lambda line: line.split()[1]))
    if relock:
        LOCK.write_text(found)
    if LOCK.read_text() != found:
        for jar in built:
            jar.unlink()
        _fail(f"the jars are not those of {LOCK.name}:\n{found}", "changed on purpose? make lock")


def _fail(what: str, hint: str) -> NoReturn:
    sys.exit(f"build_jars: error: {what}\n  hint: {hint}")


def main() -> None:
    """Builds every jar, and checks it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("java", "jars", "originals", "sources", "compiler"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--relock", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        build = Build(arguments, Path(scratch))
        # Ours first: patches call them.
        built = [build.our_jar(HERE / "java")]
        built += build.patched_jars(sorted((HERE / "patches").glob("*.diff")))
        _check(built, arguments.relock)


if __name__ == "__main__":
    main()

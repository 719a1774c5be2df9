"""Finds what the prose of this repository must not have: questions, words, dangling references."""

from __future__ import annotations

import ast
import posixpath
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_INTERROGATIVE = re.compile(
    r"(In|To|From|By|At) which\b|(What|Which|Who|Whom|Whose|How|Where|When|Why|Whether|Does|Do|Did|"
    r"Is|Are|Was|Were|May|Can|Would|Should|Has|Have|Will)\b"
)
_COMMENT = re.compile(r"^(?:[^\"'#\n]|\"[^\"\n]*\"|'[^'\n]*')*#[ !:]?(.*)$", re.MULTILINE)
_FILE = re.compile(
    r"(?<![\w./~$*{}<>-])((?:[\w.-]+/)*[\w.-]+"
    r"\.(?:py|md|sql|json|ya?ml|sh|toml|java|diff|svg|tf|lock|in|xml))\b(?![\w/*(=])"
)
_FOLDER = re.compile(r"`((?:[a-z_]+/)+[a-z_]*)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_DECISION = re.compile(r"\b(?:decisions?/|[Dd]ecisions? |ADRs? )(\d{1,4})\b(?!-)")
_MODULE = re.compile(r"python -m ([\w.]+)")
_TARGET = re.compile(r"(?:`|^ *)make ([a-z][a-z-]*)", re.MULTILINE)
_TABLE = re.compile(r"\s*\||.*\S {2,}\S.* {2,}\S")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


class Text(NamedTuple):
    """What people read of a file, and where it begins."""

    path: str
    text: str


class Repository:
    """The files of a checkout, and what prose may refer to."""

    def __init__(self, root: Path, paths: Iterable[str] | None = None) -> None:
        self.root = root
        self.paths = sorted(_listed(root) if paths is None else paths)
        self._read: dict[str, str] = {}
        self._names = {path.rpartition("/")[2] for path in self.paths}
        self._folders = {str(each) for path in self.paths for each in PurePosixPath(path).parents}

    def read(self, path: str) -> str:
        """Returns the text of a file; of one that is not UTF-8, nothing."""
        if path not in self._read:
            try:
                self._read[path] = (self.root / path).read_text()
            except UnicodeDecodeError:
                self._read[path] = ""
        return self._read[path]

    def texts(self, *suffixes: str) -> Iterator[Text]:
        """Yields the files of these suffixes, whole."""
        for path in self.paths:
            if path.endswith(suffixes):
                yield Text(path, self.read(path))

    @cached_property
    def decisions(self) -> set[int]:
        """Returns the numbers of the decisions that exist."""
        folder = "docs/decisions/"
        names = [path.removeprefix(folder) for path in self.paths if path.startswith(folder)]
        return {int(name[:4]) for name in names if name[:4].isdigit()}

    @cached_property
    def targets(self) -> set[str]:
        """Returns the targets of the Makefile."""
        return set(re.findall(r"^([a-z][a-z-]*):", self.read("Makefile"), re.MULTILINE))

    def has_file(self, name: str, beside: str) -> bool:
        """Returns whether a file is named by its path, or by enough of the end of its path."""
        name = name.removeprefix("./")
        if "/" not in name:
            return name in self._names
        near = posixpath.normpath(PurePosixPath(beside).parent / name)
        return any(path in (name, near) or path.endswith(f"/{name}") for path in self.paths if path)

    def has_folder(self, name: str) -> bool:
        """Returns whether a folder is named by its path, or by enough of the end of its path."""
        name = name.rstrip("/")
        return any(each == name or each.endswith(f"/{name}") for each in self._folders)

    def has_module(self, name: str) -> bool:
        """Returns whether `python -m` finds it, unless it belongs to somebody else."""
        path = name.rstrip(".").replace(".", "/")
        if path.split("/")[0] not in self._folders:
            return True
        return bool({f"{path}.py", f"{path}/__main__.py"} & set(self.paths))


def _listed(root: Path) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in names.splitlines() if (root / name).is_file()]


@cache
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def bad_first_line(source: str) -> str | None:
    """Returns what is wrong with the first line of a module's docstring, None if nothing is."""
    text = ast.get_docstring(_tree(source), clean=False)
    if text is None:
        return None if not source.strip() else "no docstring"
    line = text.partition("\n")[0]
    if "?" in line:
        return f"a question: {line}"
    if _INTERROGATIVE.match(line):
        return f"begins like a question: {line}"
    if not line.endswith((".", ":")) and line != "python -m sandbox":
        return f"no sentence: {line}"
    return None


def listed_modules(source: str) -> list[str]:
    """Returns the names that a package's docstring lists, in indented lines of names and words."""
    text = ast.get_docstring(_tree(source)) or ""
    lines = re.findall(r"^    ([a-z_]+(?:, [a-z_]+)*) {2,}\S", text, re.MULTILINE)
    return [name for line in lines for name in line.split(", ")]


def forbidden(text: str, words: Mapping[str, str]) -> Iterator[str]:
    """Yields each word of the list that a text holds, with its line and what to say instead."""
    if not re.search(rf"\b(?:{'|'.join(words)})\b", text, re.IGNORECASE):
        return
    for word, instead in words.items():
        for found in re.finditer(rf"\b(?:{word})\b", text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"line {line}: {found.group()!r}; say {instead}"


def long_lines(text: str, columns: int) -> Iterator[str]:
    """Yields the lines of a Markdown text that are too long.

    Tables and single words may be, and records in JSON: one is one line.
    """
    for number, line in enumerate(text.splitlines(), 1):
        may_be = _TABLE.match(line) or line.startswith('{"') or " " not in line.strip()
        if len(line) > columns and not may_be:
            yield f"line {number}: {len(line)} columns"


def prose_of(source: str) -> str:
    """Returns the docstrings and comments of a Python file."""
    tree = _tree(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = [
        text
        for node in ast.walk(tree)
        if isinstance(node, documented) and (text := ast.get_docstring(node))
    ]
    return "\n".join([*docs, *_COMMENT.findall(source)])


def dangling(text: Text, repository: Repository, elsewhere: set[str]) -> Iterator[str]:
    """Yields what a text refers to and the repository does not hold.

    Args:
        elsewhere: names of files that a running program makes, or that belong to others.
    """
    for kind, pattern, holds in (
        ("file", _FILE, lambda name: name in elsewhere or repository.has_file(name, text.path)),
        ("decision", _DECISION, lambda number: int(number) in repository.decisions),
        ("module", _MODULE, repository.has_module),
        ("target of make", _TARGET, repository.targets.__contains__),
        ("folder", _FOLDER, repository.has_folder),
    ):
        for name in sorted(set(pattern.findall(text.text))):
            if not holds(name):
                yield f"no {kind} {name}"


def broken_links(text: Text, repository: Repository) -> Iterator[str]:
    """Yields the links of a Markdown text whose page or heading is not there."""
    for target in set(_LINK.findall(_FENCE.sub("", text.text))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, heading = target.partition("#")
        page = repository.root / PurePosixPath(text.path).parent / name if name else None
        if page is not None and not page.exists():
            yield f"no page {target}"
        elif heading and heading not in _anchors(page.read_text() if page else text.text):
            yield f"no heading {target}"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}

"""A Java program of one file, compiled by Eclipse's compiler, as `make setup` compiles our own."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox import java
from sandbox.layout import EXPANSION_JARS, JAVA_HOME, REPOSITORY

# What tests our Java and our patches lies beside them.
FOLDERS = (
    REPOSITORY / "templates/expansion/tests",
    Path(__file__).parents[1] / "integration/java",
)
_JAVA = str(JAVA_HOME / "bin/java")
COMPILER_JARS = REPOSITORY / ".tools/jars/compiler"
needs_jars = pytest.mark.skipif(
    not any(COMPILER_JARS.glob("ecj-*.jar")), reason="the jars are not here: make setup"
)


def run(
    name: str,
    *arguments: str,
    first_in_class_path: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Returns how the program ended, with the jars of Beam in its class path."""
    folders = [*first_in_class_path, _compiled(name).name, f"{EXPANSION_JARS}/*"]
    command = [_JAVA, *java.ALWAYS, *options, "-cp", ":".join(map(str, folders)), name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@functools.cache
def _compiled(name: str) -> tempfile.TemporaryDirectory[str]:
    """Returns the folder of the program's classes, which is there until Python ends."""
    [source] = [file for folder in FOLDERS if (file := folder / f"{name}.java").exists()]
    [compiler] = COMPILER_JARS.glob("ecj-*.jar")
    jars = ":".join(map(str, sorted(EXPANSION_JARS.glob("*.jar"))))  # it knows no folder/*
    classes = tempfile.TemporaryDirectory()
    command = [_JAVA, "-jar", str(compiler), "-source", "17", "-target", "17", "-proc:none"]
    command += ["-nowarn", "-cp", jars, "-d", classes.name, str(source)]
    compiled = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert compiled.returncode == 0, compiled.stderr
    return classes

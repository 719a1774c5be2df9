"""A Java program of one file, run from its source: the JDK compiles it on the way."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from sandbox import java
from sandbox.layout import EXPANSION_JARS, JAVA_HOME

PROGRAMS = Path(__file__).parents[1] / "integration/java"
needs_jdk = pytest.mark.skipif(
    not (JAVA_HOME / "bin/javac").exists(), reason="Java here is no JDK: nothing compiles"
)


def run(
    name: str,
    *arguments: str,
    first_in_class_path: Sequence[Path] = (),
    options: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Returns how the program ended, with the jars of Beam in its class path."""
    classes = ":".join([*map(str, first_in_class_path), f"{EXPANSION_JARS}/*"])
    command = [str(JAVA_HOME / "bin/java"), *java.ALWAYS, *options, "-cp", classes]
    command += [str(PROGRAMS / f"{name}.java"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

"""A class of Beam's as it comes, for tests of what our patches make of it."""

from __future__ import annotations

import zipfile

import pytest

from sandbox.layout import EXPANSION_JARS

needs_jars = pytest.mark.skipif(
    not any(EXPANSION_JARS.glob("*.jar")), reason="the jars are not here: make setup"
)


def read(jar_pattern: str, class_name: str) -> bytes:
    """Returns the class file in the first jar with this pattern."""
    with zipfile.ZipFile(min(EXPANSION_JARS.glob(jar_pattern))) as archive:
        return archive.read(class_name)

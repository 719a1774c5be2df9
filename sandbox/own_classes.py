"""Puts our own Java classes beside the patched ones: what Kafka's consumer runs of ours.

Their source is in templates/expansion/java. `make setup` compiles it into a folder beside the
jars, and so does the build of the images.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from sandbox.errors import SandboxError

FOLDER = "classes"


def add(jars: Path, target: zipfile.ZipFile) -> None:
    """Writes every class of ours. Raises SandboxError when none is compiled."""
    folder = jars / FOLDER
    classes = sorted(folder.rglob("*.class"))
    if not classes:
        raise SandboxError(f"no compiled classes in {folder}", "run `make setup`")
    for each in classes:
        target.write(each, each.relative_to(folder).as_posix())

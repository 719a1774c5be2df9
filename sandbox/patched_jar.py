"""Makes the jar of patched classes, and our own, with which every class path of Beam begins.

    python -m sandbox.patched_jar JARS PATCHED_JAR     for the images and for --java_parts

The sandbox adds one of its own (loopback.py).
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from sandbox import client_retries, field_order, own_classes, stable_input


def add(jars: Path, target: zipfile.ZipFile) -> None:
    """Writes every such class. Raises SandboxError when one is not there or not as it was."""
    client_retries.add(jars, target)
    field_order.add(jars, target)
    stable_input.add(jars, target)
    own_classes.add(jars, target)


def main(jars: Path, patched: Path) -> None:
    """Writes a jar that holds these classes alone."""
    with zipfile.ZipFile(patched, "w") as target:
        add(jars, target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

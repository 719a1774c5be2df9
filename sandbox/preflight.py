"""Checks that a sandbox can start on this machine, before anything is started."""

from __future__ import annotations

import shutil
import subprocess
import sys

from sandbox.errors import SandboxError
from sandbox.layout import (
    BIGQUERY_PYTHON,
    BROKER_JARS,
    EXPANSION_JARS,
    JAVA_HOME,
    PYTHON,
    REPOSITORY,
    Layout,
)

# A start writes about 50 MB, but Flink refuses to checkpoint and Kafka stops when a disk is full,
# and both then fail far from the cause.
DISK_FREE_BYTES_MIN = 1 << 30


def check(layout: Layout) -> None:
    """Raises SandboxError when something is missing that no component could do without."""
    if not sys.platform.startswith("linux"):
        raise SandboxError(f"the sandbox runs on Linux only, not on {sys.platform}")
    _check_tools()
    layout.root.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(layout.root).free
    if free_bytes < DISK_FREE_BYTES_MIN:
        raise SandboxError(
            f"the disk of {layout.root} is nearly full: {free_bytes >> 20} MiB free, "
            f"{DISK_FREE_BYTES_MIN >> 20} MiB needed",
            "free some space, or choose another disk: --dir",
        )


def _check_tools() -> None:
    needed = {
        "Python packages": PYTHON,
        "the BigQuery stand-in": BIGQUERY_PYTHON,
        "Java": JAVA_HOME / "bin/java",
        "Java's keytool": JAVA_HOME / "bin/keytool",
        "Beam's and Flink's jars": EXPANSION_JARS,
        "Kafka's jars": BROKER_JARS,
    }
    for what, path in needed.items():
        if not path.exists():
            raise SandboxError(
                f"{what}: {path.relative_to(REPOSITORY)} is missing", "run `make setup`"
            )
    java = [str(JAVA_HOME / "bin/java"), "-version"]
    if subprocess.run(java, capture_output=True, check=False).returncode != 0:
        raise SandboxError("Java does not run: .tools/java/bin/java -version", "run `make setup`")

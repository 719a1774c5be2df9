"""Keeps Beam from flushing rows that no checkpoint covers, after a restore or a failed checkpoint.

Our sink is exactly-once because Flink holds each flush until the checkpoint that covers its
appends has completed (docs/decisions/0001). Beam's BufferingDoFnRunner holds them in buffers that
it uses in turn, one per checkpoint: two of them (2.70.0). That is enough only while no older
checkpoint waits for its completion. After a restore the one restored from still does, and after a
failed checkpoint that one: then the buffer to which the runner turns next is in use, and rows that
arrive behind the barrier are flushed with those before it. A kill at that moment doubled 75 rows in
the crash suite (docs/decisions/0013). With sixteen more buffers there would have to be as many
failed checkpoints in a row; Flink restarts the job after the third (templates/flink/config.yaml).

Format: the Java Virtual Machine Specification, chapter 6 (instructions).
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from sandbox.class_file import add_patched, replaced_once

_JAR_PATTERN = "beam-runners-flink-*.jar"
CLASS_NAME = (
    "org/apache/beam/runners/flink/translation/wrappers/streaming/stableinput/"
    "BufferingDoFnRunner.class"
)
_MORE_BUFFERS = 16
# return Math.max(maxConcurrentCheckpoints, maxIndex) + 1, which is the end of initializeState:
# iload_1, iload 4, invokestatic max, iconst_1, iadd, ireturn
_BEFORE = re.compile(rb"\x1b\x15\x04\xb8..\x04\x60\xac", re.DOTALL)
# return maxIndex + 16: nop three times, iload 4, bipush 16, iadd, ireturn
_AFTER = bytes([0, 0, 0, 0x15, 4, 0x10, _MORE_BUFFERS, 0x60, 0xAC])


def add(jars: Path, target: zipfile.ZipFile) -> None:
    """Writes the patched class of the one jar in `jars` that holds it."""
    add_patched(jars, _JAR_PATTERN, CLASS_NAME, patch, target)


def patch(class_file: bytes) -> bytes:
    """Returns the class with more buffers.

    Raises:
        SandboxError: it does not end as it did, so that a look at the new version is due.
    """
    return replaced_once(class_file, _BEFORE, _AFTER, "BufferingDoFnRunner counts its buffers")

"""Keeps retries of Google's write client alive when the Java worker that made it ends.

Beam's BigQuery sink has the client schedule its retries on the worker's own executor, which drops
what is scheduled when the worker ends (2.70.0). A call that waits to be repeated then waits for
ever. For createWriteStream that is worse than a lost thread: it runs inside the cache of append
clients, which all workers of a process share, so the job that comes back waits for it too, at the
same shards, and never completes a checkpoint again. Seen in the crash suite: BigQuery killed, and
its TaskManager before the repetition (docs/decisions/0015). So the client gets an executor of its
own, which is what it does when it is given none.

Format: the Java Virtual Machine Specification, chapter 6 (instructions).
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from sandbox.class_file import add_patched, replaced_once

_JAR_PATTERN = "beam-sdks-java-io-google-cloud-platform-*.jar"
CLASS_NAME = "org/apache/beam/sdk/io/gcp/bigquery/BigQueryServicesImpl.class"
# In newBigQueryWriteClient, of a builder that is on the stack before and after:
#   .setBackgroundExecutorProvider(FixedExecutorProvider.create(
#       options.as(ExecutorOptions.class).getScheduledExecutorService()))
#   .build()); return
_BEFORE = re.compile(
    rb"\x2a\x12.\xb9..\x02\x00\xc0..\xb9..\x01\x00"  # aload_0, ldc, as, checkcast, getScheduled…
    rb"\xb8..\xb6..\xc0.."  # create, setBackgroundExecutorProvider, checkcast
    rb"(?=\xb6..\xb8..\xb0)",  # build, BigQueryWriteClient.create, areturn
    re.DOTALL,
)
# nop instead: 25 bytes, as long as those seven instructions.
_AFTER = bytes(25)


def add(jars: Path, target: zipfile.ZipFile) -> None:
    """Writes the patched class of the one jar in `jars` that holds it."""
    add_patched(jars, _JAR_PATTERN, CLASS_NAME, patch, target)


def patch(class_file: bytes) -> bytes:
    """Returns the class without that call.

    Raises:
        SandboxError: it does not make the client as it did, so that a look at the new version is
            due.
    """
    told = "BigQueryServicesImpl gives its write client an executor"
    return replaced_once(class_file, _BEFORE, _AFTER, told)

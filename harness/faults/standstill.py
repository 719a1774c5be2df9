"""Takes thread dumps of a job that stands still, before it is ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

from harness.flink import FlinkCluster
from operations.errors import FlinkError
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox

# A JVM writes its threads to its own log when it is asked by SIGQUIT.
_JAVA = ("expansion", "jobmanager")


def write_down(sandbox: Sandbox, folder: Path) -> None:
    """Writes the threads of TaskManagers into `folder`, and has the other JVMs log theirs.

    Whoever does not answer is left out: this is done when something is wrong already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    flink = FlinkCluster(sandbox.endpoints()["flink_rest"])
    for name in TASK_MANAGERS:
        with contextlib.suppress(FlinkError):
            answer = flink.thread_dump(name)
            (folder / f"{name}.threads.json").write_text(json.dumps(answer, indent=1))
    pids = sandbox.pids()
    for name in _JAVA:
        with contextlib.suppress(OSError, KeyError):
            os.kill(pids[name], signal.SIGQUIT)

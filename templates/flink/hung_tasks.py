"""Finds a TaskManager whose tasks wait for a worker that is gone.

A TaskManager asks for a worker and then waits for it to report, without end: Beam's
ExternalEnvironmentFactory has no time limit. A worker killed in between, by a crash of its pool or
by the kernel, leaves its tasks in INITIALIZING. Nothing fails, so nothing is started again; no
checkpoint is even tried. A TaskManager and its workers are therefore one unit: a watchdog ends it,
and the job starts anew, from its last checkpoint, with other workers. It is the last resort: the
pool starts a worker again that ends before it has reported (worker_start.py).

sandbox/watchdog.py does so in the sandbox, watchdog.py on Kubernetes.
"""

from __future__ import annotations

import http.client
import logging
import time
from collections import Counter
from collections.abc import Callable

from templates.flink.rest import get_json

_LOG = logging.getLogger("watchdog")
_LOOK_SEC = 2.0
_STARTING = "INITIALIZING"

Starting = dict[str, float]


class Judge:
    """Decides which TaskManagers to kill. Its patience doubles with each, until all tasks run.

    A machine too busy to start a job within the time must not be kept from it for ever.
    """

    def __init__(self, patience_sec: float) -> None:
        self._patience_sec = patience_sec
        self._kills = 0

    def hung(self, starting: Starting, all_running: bool) -> set[str]:
        """Returns the TaskManagers to kill.

        Args:
            starting: for how long, in seconds, each TaskManager's slowest task has been starting.
            all_running: whether there is a job, and every task of every job runs.
        """
        if all_running:
            self._kills = 0
        limit_sec = self._patience_sec * 2**self._kills
        hung = {name for name, waited_sec in starting.items() if waited_sec > limit_sec}
        self._kills += bool(hung)
        return hung


def look(flink: str) -> tuple[Starting, bool]:
    """Returns what `hung` asks for, by Flink's REST address (host:port). Raises as get_json."""
    starting: Starting = {}
    counts: Counter[str] = Counter()
    for job in get_json(flink, "/jobs")["jobs"]:
        if job["status"] != "RUNNING":
            continue
        path = f"/jobs/{job['id']}"
        for vertex in get_json(flink, path)["vertices"]:
            counts.update(vertex["tasks"])
            if vertex["tasks"][_STARTING]:
                subtasks = get_json(flink, f"{path}/vertices/{vertex['id']}")["subtasks"]
                for task in subtasks:
                    waited_sec = task["status-duration"][_STARTING] / 1_000
                    if task["status"] == _STARTING:
                        name = task["taskmanager-id"]
                        starting[name] = max(waited_sec, starting.get(name, 0.0))
    return starting, 0 < counts["RUNNING"] == counts.total()


def watch(
    flink: str,
    patience_sec: float,
    kill: Callable[[str], None],
    polling: Callable[[], None] = lambda: None,
) -> None:
    """Looks again and again, and calls `kill` with the id of each TaskManager that hangs.

    Args:
        polling: called before each look, for whoever watches the watchdog.
    """
    judge = Judge(patience_sec)
    while True:
        time.sleep(_LOOK_SEC)
        polling()
        try:
            hung = judge.hung(*look(flink))
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            continue  # the JobManager is starting, or the job has just gone
        for name in sorted(hung):
            _LOG.warning("tasks on %s wait for a worker for too long", name)
            kill(name)

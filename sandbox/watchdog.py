"""Does every job get started? Kills a TaskManager whose tasks wait for a worker that is gone.

A TaskManager asks for a worker and then waits for it to report, without end: Beam's
ExternalEnvironmentFactory has no time limit. A worker killed in between, by a crash of its pool or
by the kernel, leaves its tasks in INITIALIZING. Nothing fails, so nothing is started again; no
checkpoint is even tried. A TaskManager and its workers are therefore one unit: this ends it, and
the job starts anew, from its last checkpoint, with other workers.
"""

from __future__ import annotations

import argparse
import http.client
import logging
import time
from collections import Counter
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.health import get_json
from sandbox.layout import Layout
from sandbox.supervision import Supervisor

_LOG = logging.getLogger("sandbox.watchdog")
_LOOK_SEC = 2.0
_STARTING = "INITIALIZING"

Starting = dict[str, float]


class Watchdog:
    """Decides which TaskManagers to kill. Its patience doubles with each, until all tasks run.

    A machine too busy to start a job within the time must not be kept from it for ever.
    """

    def __init__(self, patience_sec: float) -> None:
        self._patience_sec = patience_sec
        self._kills = 0

    def judge(self, starting: Starting, all_running: bool) -> set[str]:
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


def look(rest_port: int) -> tuple[Starting, bool]:
    """Returns what `judge` asks for. Raises as get_json does."""
    starting: Starting = {}
    counts: Counter[str] = Counter()
    for job in get_json(rest_port, "/jobs")["jobs"]:
        if job["status"] != "RUNNING":
            continue
        path = f"/jobs/{job['id']}"
        for vertex in get_json(rest_port, path)["vertices"]:
            counts.update(vertex["tasks"])
            if vertex["tasks"][_STARTING]:
                subtasks = get_json(rest_port, f"{path}/vertices/{vertex['id']}")["subtasks"]
                for task in subtasks:
                    waited_sec = task["status-duration"][_STARTING] / 1_000
                    if task["status"] == _STARTING:
                        name = task["taskmanager-id"]
                        starting[name] = max(waited_sec, starting.get(name, 0.0))
    return starting, 0 < counts["RUNNING"] == counts.total()


def main() -> None:
    """Watches until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rest_port", type=int, required=True, help="of the JobManager")
    parser.add_argument("--dir", type=Path, required=True, help="the sandbox's folder")
    parser.add_argument("--patience_sec", type=float, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    supervisor = Supervisor(Layout.of(arguments.dir))
    watchdog = Watchdog(arguments.patience_sec)
    while True:
        time.sleep(_LOOK_SEC)
        try:
            hung = watchdog.judge(*look(arguments.rest_port))
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            continue  # the JobManager is starting, or the job has just gone
        for name in sorted(hung):
            _LOG.warning("tasks on %s wait for a worker for too long: killing it", name)
            try:
                supervisor.kill(name)
            except (SandboxError, OSError) as error:
                _LOG.warning("%s: %s", name, error)


if __name__ == "__main__":
    main()

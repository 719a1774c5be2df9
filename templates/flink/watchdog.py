"""Ends the TaskManager of its own pod when it hangs (hung_tasks.py); the kubelet starts another.

The pod shares one process namespace, and its containers one user: so a container beside Flink's may
signal Flink, and nobody needs a right in the cluster.
"""

from __future__ import annotations

import argparse
import http.client
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from templates.flink import hung_tasks
from templates.flink.rest import get_json

_LOG = logging.getLogger("watchdog")
_TASK_MANAGER = b"org.apache.flink.runtime.taskexecutor.TaskManagerRunner"


class Pod:
    """The pod that we are in.

    Args:
        flink: host:port of the JobManager's REST interface.
        address: of the pod; tells our TaskManager from the others.
        processes: where the kernel lists the processes of this pod, and no others.
    """

    def __init__(self, flink: str, address: str, processes: Path = Path("/proc")) -> None:
        self._flink = flink
        self._address = address
        self._processes = processes

    def kill(self, name: str) -> None:
        """Ends the TaskManager with this id, if it is ours."""
        if name in self._own():
            for pid in self._task_managers():
                _LOG.warning("killing process %d", pid)
                os.kill(pid, signal.SIGKILL)

    def _own(self) -> set[str]:
        """Returns the ids under which Flink knows TaskManagers at our address."""
        try:
            listed = get_json(self._flink, "/taskmanagers")["taskmanagers"]
        except (OSError, http.client.HTTPException, ValueError):
            return set()  # the next look will find it hanging again
        # pekko.tcp://flink@10.1.2.3:6122/user/rpc/…
        hosts = {each["id"]: each["path"].partition("@")[2].partition("/")[0] for each in listed}
        return {name for name, host in hosts.items() if host.rpartition(":")[0] == self._address}

    def _task_managers(self) -> Iterator[int]:
        for command in self._processes.glob("[0-9]*/cmdline"):
            try:
                words = command.read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if _TASK_MANAGER in words:
                yield int(command.parent.name)


def main() -> None:
    """Watches until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flink", required=True, help="host:port of the JobManager's REST")
    parser.add_argument("--pod_ip", required=True, help="address of this pod")
    parser.add_argument("--patience_sec", type=float, default=120.0, help="(default: %(default)s)")
    parser.add_argument(
        "--looked",
        type=Path,
        default=Path("/tmp/watchdog"),
        help="touched at each look, for a probe",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    pod = Pod(arguments.flink, arguments.pod_ip)
    hung_tasks.watch(arguments.flink, arguments.patience_sec, pod.kill, arguments.looked.touch)


if __name__ == "__main__":
    main()

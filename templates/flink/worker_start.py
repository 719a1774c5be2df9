"""One worker while it starts: its process, whether it has reported, and when it is tried again.

A TaskManager that has asked for a worker waits for it to report, without end (hung_tasks.py). A
worker that ends before is therefore started again, with the same id. One that has reported is not:
its TaskManager sees it end, and asks for another.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from apache_beam.portability.api import beam_fn_api_pb2

# Before each further try. Whatever ends a worker once (the kernel, an operator) is over at once; a
# machine that is short of memory is not.
PAUSES_SEC = (0.0, 0.5, 1.0, 2.0, 4.0)
_ESTABLISHED = "01"  # as the kernel lists it in /proc/net/tcp


class Worker:
    """A worker that was asked for, and the process that is it for the time being."""

    def __init__(
        self,
        request: beam_fn_api_pb2.StartWorkerRequest,
        environment: Mapping[str, str],
        process: subprocess.Popen[bytes],
    ) -> None:
        self.request = request
        self.environment = environment
        self.process = process
        port = request.control_endpoint.url.rpartition(":")[2]
        self._port = int(port) if port.isdecimal() else None
        self.starting = self._port is not None
        self.ended = 0
        self._due_at: float | None = None

    def look(self) -> bool:
        """Returns whether its process has ended before it reported; tells each end once."""
        if self._due_at is not None or self._port is None:
            return False
        if self.process.poll() is None:
            self.starting = not reported(self.process.pid, self._port)
            return False
        if self.process.returncode == 0:
            self.starting = False  # it was told to end: it had reported since the last look
            return False
        self.ended += 1
        return True

    def try_again(self) -> float | None:
        """Returns after how many seconds it is started again; None when it was tried enough."""
        if self.ended > len(PAUSES_SEC):
            self.starting = False
            return None
        pause_sec = PAUSES_SEC[self.ended - 1]
        self._due_at = time.monotonic() + pause_sec
        return pause_sec

    def is_due(self) -> bool:
        """Tells whether it is to be started again by now."""
        return self._due_at is not None and time.monotonic() >= self._due_at

    def started_again(self, process: subprocess.Popen[bytes]) -> None:
        """Takes the process that is the worker from now on."""
        self.process = process
        self._due_at = None


def reported(pid: int, port: int) -> bool:
    """Tells whether the process has a connection to this port: that of its TaskManager's control.

    It is the last that a worker opens, and the TaskManager knows the worker by it.
    """
    sockets = set(_open_files(pid))
    return any(f"socket:[{inode}]" in sockets for inode in _connections(pid, port))


def _open_files(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has just ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it has just closed this one
                yield str(file.readlink())


def _connections(pid: int, port: int) -> Iterator[str]:
    """Yields the inodes of connections to a port, of all processes that share its network."""
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            _, _, remote, state, *_, inode = line.split()[:10]
            if state == _ESTABLISHED and int(remote.rpartition(":")[2], 16) == port:
                yield inode

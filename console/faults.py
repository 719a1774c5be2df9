"""Kills a TaskManager of the sandbox, and follows the job until it has caught up."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from console import job
from console.board import Board
from console.job import Progress
from console.places import Places
from operations.errors import CannotCheck, FlinkError
from sandbox.component import TASK_MANAGERS
from sandbox.errors import SandboxError
from sandbox.sandbox import Sandbox

__all__ = ["TASK_MANAGERS", "Kill", "Killer", "Step"]

_POLL_SEC = 0.4
_GIVEN_UP_SEC = 240.0


@dataclasses.dataclass(frozen=True)
class Step:
    """One moment of the time line.

    Attributes:
        at_sec: since the kill; None while it is waited for.
    """

    name: str
    said: str
    at_sec: float | None = None


@dataclasses.dataclass(frozen=True)
class Kill:
    """A kill, and how the job came back.

    Attributes:
        over: whether the time line is complete, or was given up.
    """

    component: str
    pid: int
    at: dt.datetime
    double_before: int
    steps: tuple[Step, ...]
    over: bool = False


class _Awaited(NamedTuple):
    """A step to come: what is said until it holds, and what afterwards."""

    name: str
    waiting: str
    holds: Callable[[Progress], bool]
    say: Callable[[Progress], str]


class Killer:
    """Kills what the sandbox's supervisor has started, and nothing else."""

    def __init__(self, places: Places, board: Board) -> None:
        self._places = places
        self._board = board
        self._lock = threading.Lock()
        self._running_at = dt.datetime.max.replace(tzinfo=dt.UTC)
        self.newest: Kill | None = None

    @property
    def busy(self) -> bool:
        """Returns whether a time line is being drawn."""
        return self.newest is not None and not self.newest.over

    def kill(self, component: str) -> Kill:
        """Kills a TaskManager and returns at once; a thread follows the job.

        Raises:
            CannotCheck: there is none of that name, or another is followed still.
        """
        folder, address = self._places.sandbox, self._places.flink
        found = job.living(address, self._places.flink_job)
        if folder is None or address is None or found is None:
            raise CannotCheck("no job of a sandbox is running that could be hurt")
        if component not in TASK_MANAGERS:
            raise CannotCheck(f"component must be one of {', '.join(TASK_MANAGERS)}")
        with self._lock:
            if self.busy:
                raise CannotCheck("the job is not back from the kill before")
            before = job.progress(address, found.job_id)
            try:
                pid = Sandbox(folder).kill(component)
            except (SandboxError, OSError) as error:
                raise CannotCheck(f"{component} was not killed: {error}") from None
            began = time.monotonic()
            books = self._board.shown.books
            killed = Step("killed", f"{component}, process {pid}, by SIGKILL", 0.0)
            double = books.double if books else 0
            kill = Kill(component, pid, dt.datetime.now(dt.UTC), double, (killed,))
            self._show(kill)
        look = functools.partial(job.progress, address, found.job_id)
        arguments = (kill, before, look, began)
        threading.Thread(target=self.follow, args=arguments, name="kill", daemon=True).start()
        return kill

    def follow(
        self, kill: Kill, before: Progress, look: Callable[[], Progress], began: float
    ) -> None:
        """Draws the time line, until the job has caught up or too long has passed.

        Args:
            before: how far the job was when it was killed.
            began: of the kill, by the monotonic clock.
        """
        for name, waiting, holds, say in self._awaited(before):
            self._show(dataclasses.replace(kill, steps=(*kill.steps, Step(name, waiting))))
            found = _wait_for(holds, look, began + _GIVEN_UP_SEC)
            if found is None:
                gone = Step(name, f"not within {_GIVEN_UP_SEC:.0f} s: is the job well?")
                self._show(dataclasses.replace(kill, steps=(*kill.steps, gone), over=True))
                return
            reached = Step(name, say(found), time.monotonic() - began)
            kill = dataclasses.replace(kill, steps=(*kill.steps, reached))
            if name == "running":
                self._running_at = dt.datetime.now(dt.UTC)
        self._show(dataclasses.replace(kill, over=True))

    def _awaited(self, before: Progress) -> Iterator[_Awaited]:
        """Yields what must happen, in its order."""
        yield _Awaited(
            "noticed",
            "Flink waits for its heartbeat",
            lambda now: not now.running or now.restores > before.restores,
            lambda now: "Flink takes the job down, to start it again",
        )
        yield _Awaited(
            "restored",
            "the job starts again",
            lambda now: now.restores > before.restores,
            lambda now: f"from checkpoint {now.restored}",
        )
        yield _Awaited(
            "running", "its tasks start", lambda now: now.running, lambda now: "every task runs"
        )
        yield _Awaited(
            "caught up",
            "what arrived meanwhile is being counted",
            lambda now: self._caught_up(),
            lambda now: "what arrived after the kill is in the tables",
        )

    def _caught_up(self) -> bool:
        """Returns whether a look after the restart found newer rows, or that nothing waits."""
        shown = self._board.shown
        if shown.looked_at is None or shown.looked_at < self._running_at:
            return False
        arrived_at = shown.books.arrived_at if shown.books else None
        newer = arrived_at is not None and arrived_at > self._running_at
        return newer or shown.waiting == 0

    def _show(self, kill: Kill) -> None:
        self.newest = kill
        self._board.touch()


def _wait_for(
    holds: Callable[[Progress], bool], look: Callable[[], Progress], until: float
) -> Progress | None:
    while time.monotonic() < until:
        with contextlib.suppress(FlinkError):  # the JobManager is busy with the same failure
            found = look()
            if holds(found):
                return found
        time.sleep(_POLL_SEC)
    return None

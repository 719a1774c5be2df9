"""Reports the progress of a long task: how far, how fast, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable

_TELL_EVERY_SEC = 5.0
# A look at the clock for each of a hundred million records would take ten seconds.
_LOOK_EVERY = 4_096

Tell = Callable[[str], None]


class Progress:
    """Counts steps of one task and tells of them every few seconds.

    Args:
        tell: takes a line for the terminal.
        what: what is counted, for example `records read from Kafka`.
        most: how many there are at most.
        clock: seconds, for tests.
    """

    def __init__(
        self, tell: Tell, what: str, most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._tell = tell
        self._what = what
        self._most = most
        self._clock = clock
        self._began_at = self._told_at = 0.0  # known at the first step
        self.done = 0

    def step(self) -> None:
        """Counts one."""
        if not self.done:
            self._began_at = self._told_at = self._clock()
        self.done += 1
        if self.done % _LOOK_EVERY == 0:
            self._look()

    def _look(self) -> None:
        now = self._clock()
        if now - self._told_at < _TELL_EVERY_SEC:
            return
        self._told_at = now
        rate = self.done / (now - self._began_at)
        left_sec = max(self._most - self.done, 0) / rate
        self._tell(
            f"{self.done} of {self._most} {self._what}, {rate:.0f} a second, "
            f"{_lasting(left_sec)} left at most"
        )


def _lasting(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"

"""Says when each record is due, and what time it is at the gateway then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

# A stall is made up for by sending faster; the payments continued meanwhile. A longer one moves the
# whole schedule, or event times would fall ever further behind and end as late.
BEHIND_SEC_MAX = 30.0


class Schedule:
    """Tokens instead of sleeps: what counts is the time since the start, so no error adds up.

    Args:
        rate_per_sec: records per second; 0 is as fast as possible.
        start_us: event time of the first record, microseconds since the epoch.
        age_us: how much older than its arrival a payment of this moment is. Above 0 only when
            event times start at a moment in the past.
        now_sec: a clock that never goes back, seconds.
    """

    def __init__(
        self,
        rate_per_sec: float,
        start_us: int,
        age_us: int = 0,
        now_sec: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate_per_sec = rate_per_sec
        self._start_us = start_us
        self._age_us = age_us
        self._now_sec = now_sec
        self._begin_sec = now_sec()

    def due(self) -> int:
        """Returns how many records may have been sent by now."""
        if not self._rate_per_sec:
            return sys.maxsize
        return int((self._now_sec() - self._begin_sec) * self._rate_per_sec) + 1

    def wait_sec(self, sent: int) -> float:
        """Returns how long it is until the record after `sent` others is due; 0 when it is."""
        return max(0.0, -self.behind_sec(sent))

    def behind_sec(self, sent: int) -> float:
        """Returns how long ago the record after `sent` others was due."""
        if not self._rate_per_sec:
            return 0.0
        return self._now_sec() - self._begin_sec - sent / self._rate_per_sec

    def move(self, behind_sec: float) -> None:
        """Moves all that is still due by `behind_sec`, event times included."""
        self._begin_sec += behind_sec
        self._start_us += round(behind_sec * 1e6)

    def event_time_us(self, n: int) -> int:
        """Returns the planned moment of record number `n`, microseconds since the epoch."""
        if not self._rate_per_sec:
            return self._start_us + int((self._now_sec() - self._begin_sec) * 1e6)
        return self._start_us + int(n * 1_000_000 / self._rate_per_sec)

    def arrival_us(self, event_time_us: int) -> int:
        """Returns when a payment of this moment arrives, microseconds since the epoch."""
        return event_time_us + self._age_us

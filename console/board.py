"""Holds what is shown. Threads write to it; a page reads it whole, and knows when it changed."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from console.books import Books
from operations.health.indicators import Section
from operations.reconcile.verdicts import Verdict
from transforms.payment.outcome import Outcome

_POINTS_MAX = 600
_RATE_SEC = 10.0


@dataclasses.dataclass(frozen=True)
class Point:
    """The figures of one moment, for charts; None where nobody knew.

    Attributes:
        at: seconds since the epoch.
        records: offsets taken in Kafka so far.
        rows: by outcome, so far.
    """

    at: float
    records: int | None
    rows: Mapping[Outcome, int]
    state_bytes: float | None = None
    age_sec: float | None = None
    lag: float | None = None


@dataclasses.dataclass(frozen=True)
class Shown:
    """Everything that was found out by looking.

    Attributes:
        sections: of `payments health`, one for each source.
        records: offsets that the topics hold.
        partitions: how many these have.
        problem: why the tables or Kafka could not be counted.
        verdict: the last of `payments reconcile`.
    """

    sections: tuple[Section, ...] = ()
    books: Books | None = None
    records: int | None = None
    partitions: int = 0
    problem: str | None = None
    verdict: Verdict | None = None
    looked_at: dt.datetime | None = None

    def value(self, name: str) -> float | None:
        """Returns an indicator's value by its name."""
        found = (each for section in self.sections for each in section.indicators)
        return next((each.value for each in found if each.name == name), None)

    @property
    def waiting(self) -> int | None:
        """Returns how many offsets are in no table."""
        if self.books is None or self.records is None:
            return None
        return self.records - self.books.rows + self.books.double


class Board:
    """What is shown, its history, and a number that rises with each change."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._shown = Shown()
        self._points: collections.deque[Point] = collections.deque(maxlen=_POINTS_MAX)
        self.version = 0

    @property
    def shown(self) -> Shown:
        """Returns all of it, as of one moment."""
        return self._shown

    @property
    def points(self) -> list[Point]:
        """Returns the history, the oldest first."""
        with self._lock:
            return list(self._points)

    def change(self, **fields: Any) -> None:
        """Replaces some of what is shown."""
        with self._lock:
            self._shown = dataclasses.replace(self._shown, **fields)
            self.version += 1

    def touch(self) -> None:
        """Tells that something changed which the board does not hold itself."""
        with self._lock:
            self.version += 1

    def add_point(self) -> None:
        """Adds the figures of this moment to the history."""
        shown = self._shown
        rows = shown.books.counts if shown.books else {}
        point = Point(
            self._clock(),
            shown.records,
            rows,
            shown.value("state_bytes"),
            shown.value("newest_row_age_sec"),
            shown.value("lag_records"),
        )
        with self._lock:
            self._points.append(point)
            self.version += 1

    def rates(self) -> tuple[float | None, dict[Outcome, float]]:
        """Returns records a second into Kafka, and rows a second by outcome, of ten seconds."""
        points = self.points
        if len(points) < 2:
            return None, {}
        last = points[-1]
        first = next(each for each in points if each.at >= last.at - _RATE_SEC or each is last)
        return rates_between(points[-2] if first is last else first, last)


def rates_between(first: Point, last: Point) -> tuple[float | None, dict[Outcome, float]]:
    """Returns the rates from one point to a later one."""
    took_sec = last.at - first.at
    if took_sec <= 0:
        return None, {}
    records = None
    if first.records is not None and last.records is not None:
        records = max(0.0, (last.records - first.records) / took_sec)
    rows = {
        outcome: max(0.0, (last.rows[outcome] - first.rows[outcome]) / took_sec)
        for outcome in last.rows
        if outcome in first.rows
    }
    return records, rows

"""Offsets of one partition, kept as runs of neighbours: sixteen bytes for each run.

A day of fourteen million records is then a few runs, or one for each of Kafka's transactions, and
two sides are compared offset by offset all the same.
"""

from __future__ import annotations

import bisect
import heapq
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Neighbouring offsets, both ends inclusive."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """Returns how many there are."""
        return self.last - self.first + 1


class Offsets:
    """A set of offsets that is filled in their order."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        for first, last in spans:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> None:
        """Adds one offset, or a run of them, behind those that are there."""
        last = first if last is None else last
        if self._lasts and first <= self._lasts[-1]:
            raise ValueError(f"offset {first} is not behind {self._lasts[-1]}")
        if self._lasts and first == self._lasts[-1] + 1:
            self._lasts[-1] = last
            return
        self._firsts.append(first)
        self._lasts.append(last)

    def count(self) -> int:
        """Returns how many offsets there are."""
        return sum(span.size for span in self)

    def first(self) -> int | None:
        """Returns the lowest, None of none."""
        return self._firsts[0] if self._firsts else None

    def last(self) -> int | None:
        """Returns the highest, None of none."""
        return self._lasts[-1] if self._lasts else None

    def beyond(self, offset: int) -> Offsets:
        """Returns those from an offset on."""
        return Offsets((max(span.first, offset), span.last) for span in self if span.last >= offset)

    def between(self, first: int, last: int) -> Offsets:
        """Returns those from one offset to another, both inclusive."""
        found = Offsets()
        for at in range(bisect.bisect_left(self._lasts, first), len(self._firsts)):
            if self._firsts[at] > last:
                break
            found.add(max(first, self._firsts[at]), min(last, self._lasts[at]))
        return found

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._firsts, self._lasts)


def union(one: Offsets, other: Offsets) -> Offsets:
    """Returns the offsets that either set holds."""
    if one.count() == 0 or other.count() == 0:
        return one if one.count() else other
    found = Offsets()
    for first, last in heapq.merge(one, other):
        known = found.last()
        if known is None or last > known:
            found.add(first if known is None else max(first, known + 1), last)
    return found


def only_in(one: Iterable[Span], other: Iterable[Span]) -> Iterator[Span]:
    """Yields what of one set the other does not hold; both in the order of offsets."""
    others = iter(other)
    seen = next(others, None)
    for first, last in one:
        while seen is not None and seen.last < first:
            seen = next(others, None)
        while seen is not None and seen.first <= last:
            if first < seen.first:
                yield Span(first, seen.first - 1)
            first = seen.last + 1  # noqa: PLW2901 - what is left of the run
            if first > last:
                break  # the other's run may reach into our next one
            seen = next(others, None)
        if first <= last:
            yield Span(first, last)

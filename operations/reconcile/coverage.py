"""Compares how the tables cover the offsets of each partition: records, gaps, surplus rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

from operations.reconcile.truth import Partition, Place

# Of one partition; a report of millions would fill the memory that the proof saves.
GAPS_MAX = 1_000


class Gap(NamedTuple):
    """Neighbouring records of one partition that no table holds."""

    first_offset: int
    last_offset: int
    records: int


class PartitionLine(NamedTuple):
    """One partition.

    Attributes:
        first_offset: of a record; None for an empty partition.
        gaps: runs of missing records, the first GAPS_MAX.
        double: rows too many.
        missing: records in no table.
        all_gaps: how many runs there are.
    """

    topic: str
    partition: int
    records: int
    first_offset: int | None
    last_offset: int | None
    gaps: tuple[Gap, ...]
    double: int
    missing: int
    all_gaps: int


@dataclasses.dataclass
class _Seen:
    records: int = 0
    first_offset: int | None = None
    last_offset: int | None = None
    gaps: list[Gap] = dataclasses.field(default_factory=list)
    all_gaps: int = 0
    open_gap: Gap | None = None
    missing: int = 0
    double: int = 0


class Coverage:
    """Takes the records in the order of places.

    Markers of transactions between two missing records do not split a gap.
    """

    def __init__(self, partitions: Iterable[Partition]) -> None:
        self._seen = {pair: _Seen() for pair in partitions}

    def record(self, place: Place, has_row: bool) -> None:
        """Takes one record."""
        seen = self._seen[place.topic, place.partition]
        seen.records += 1
        if seen.first_offset is None:
            seen.first_offset = place.offset
        seen.last_offset = place.offset
        if has_row:
            _close(seen)
            return
        seen.missing += 1
        gap = seen.open_gap or Gap(place.offset, place.offset, 0)
        seen.open_gap = Gap(gap.first_offset, place.offset, gap.records + 1)

    def double(self, place: Place) -> None:
        """Takes a row too many."""
        self._seen[place.topic, place.partition].double += 1

    def lines(self) -> list[PartitionLine]:
        """Returns the result, partition by partition."""
        lines = []
        for pair, seen in self._seen.items():
            _close(seen)
            lines.append(
                PartitionLine(
                    *pair,
                    seen.records,
                    seen.first_offset,
                    seen.last_offset,
                    tuple(seen.gaps),
                    seen.double,
                    seen.missing,
                    seen.all_gaps,
                )
            )
        return lines


def _close(seen: _Seen) -> None:
    if seen.open_gap is None:
        return
    seen.all_gaps += 1
    if len(seen.gaps) < GAPS_MAX:
        seen.gaps.append(seen.open_gap)
    seen.open_gap = None

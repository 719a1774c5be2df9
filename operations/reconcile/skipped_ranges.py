"""Checks the ranges of skipped records against what Kafka holds between their ends."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import NamedTuple

from operations.reconcile.checks import Tally
from operations.reconcile.truth import OffsetRange, Partition, Place, Truth


class Span(NamedTuple):
    """A row of skipped_records, but for its partition and first offset."""

    last_offset: int
    rule: str
    record_count: int
    broker_time_us: int
    last_broker_time_us: int


@dataclasses.dataclass
class _Open:
    """A range that the comparison has come to, and what it has met of it.

    Attributes:
        met: records within the check that the rule skips.
        ends_met: arrival of the record at each end, None where the rule skips none there.
    """

    first_offset: int
    span: Span
    met: int = 0
    ends_met: list[int | None] = dataclasses.field(default_factory=lambda: [None, None])


class SkippedRanges:
    """Takes ranges and skipped records in the order of places.

    Of each rule it remembers the ranges that reach where the comparison stands: one, where none
    overlap. A range that reaches beyond the check may hold as many records more as there are
    offsets out of sight.

    Attributes:
        counted: records that the ranges count, as far as the check reaches.
        missing: records that a range spans and does not count.
        unknown: records that a range counts, and Kafka does not hold.
        unproven: where a range that reaches behind the end of the check begins, by partition: the
            next check must begin there.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._open: dict[str, list[_Open]] = defaultdict(list)
        self._partition: Partition | None = None
        self._checked = OffsetRange("", 0, 0, 0)
        self.wrong = Tally()
        self.ranges = self.counted = self.missing = self.unknown = 0
        self.unproven: dict[Partition, int] = {}

    def begins(self, place: Place, span: Span) -> None:
        """Takes the range that begins at `place`."""
        self._at(place)
        self._close_before(span.rule, place.offset)
        self.ranges += 1
        if span.last_offset < place.offset or span.record_count < 1:
            self.unknown += span.record_count
            self.counted += span.record_count
            self.wrong.add(f"{_told(place, span)} is no range")
            return
        self._open[span.rule].append(_Open(place.offset, span))
        if span.last_offset >= self._checked.end:
            known = self.unproven.get(place[:2], place.offset)
            self.unproven[place[:2]] = min(known, place.offset)

    def record(self, place: Place, rule: str, arrival_us: int) -> int:
        """Takes a record that the rule skips; returns how many ranges of the rule it is in."""
        self._at(place)
        self._close_before(rule, place.offset)
        for each in self._open[rule]:
            each.met += 1
            if place.offset == each.first_offset:
                each.ends_met[0] = arrival_us
            if place.offset == each.span.last_offset:
                each.ends_met[1] = arrival_us
        return len(self._open[rule])

    def finish(self) -> None:
        """Judges what is still open, once all was taken."""
        for rule in list(self._open):
            self._close_before(rule, None)

    def _at(self, place: Place) -> None:
        if place[:2] != self._partition:
            self.finish()
            self._partition = place[:2]
            self._checked = self._truth.partitions[place[:2]].range

    def _close_before(self, rule: str, offset: int | None) -> None:
        still = []
        for each in self._open[rule]:
            if offset is not None and each.span.last_offset >= offset:
                still.append(each)
            else:
                self._judge(each)
        self._open[rule] = still

    def _judge(self, it: _Open) -> None:
        start, end = self._checked.start, self._checked.end
        span, first = it.span, it.first_offset
        hidden = max(0, min(start, span.last_offset + 1) - first)
        hidden += max(0, span.last_offset + 1 - max(end, first))
        short = max(0, it.met - span.record_count)
        beyond = max(0, span.record_count - it.met - hidden)
        self.missing += short
        self.unknown += beyond
        self.counted += it.met - short + beyond
        place = Place(*(self._partition or ("", 0)), first)
        if short or beyond:
            most = f" to {it.met + hidden}" if hidden else ""
            self.wrong.add(f"{_told(place, span)}; Kafka holds {it.met}{most} of them")
        arrivals = (span.broker_time_us, span.last_broker_time_us)
        for offset, met, told in zip((first, span.last_offset), it.ends_met, arrivals, strict=True):
            if not start <= offset < end:
                continue
            if met is None:
                self.wrong.add(f"{_told(place, span)}, but not {place._replace(offset=offset)}")
            elif met != told:
                self.wrong.add(
                    f"{place._replace(offset=offset)} broker_time: Kafka says {met}, the range "
                    f"that it ends says {told}"
                )


def _told(place: Place, span: Span) -> str:
    return f"{place}..{span.last_offset}: {span.record_count} records skipped by {span.rule!r}"

"""The part of what Kafka retains that is checked: all, a time of arrival, or what is unproven."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from operations.errors import CannotCheck
from operations.reconcile.truth import OffsetRange, Partition, Place

FULL = "full"
RANGE = "range"
INCREMENTAL = "incremental"


@dataclasses.dataclass(frozen=True)
class Scope:
    """What is checked.

    Attributes:
        ranges: the offsets.
        retained: the earliest offset that Kafka held of each partition when the check began.
        kind: FULL, RANGE or INCREMENTAL.
        since_us: first arrival of a range, microseconds since the epoch; None: not limited.
        until_us: first arrival after a range; None: not limited.
        unproven: what expired before it was proven, a line for each partition.
        proven_ends: where the next check must begin, known when this one is done; the end of the
            range for a partition that is not named.
    """

    ranges: tuple[OffsetRange, ...]
    retained: Mapping[Partition, int]
    kind: str = FULL
    since_us: int | None = None
    until_us: int | None = None
    unproven: tuple[str, ...] = ()
    proven_ends: Mapping[Partition, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def full(cls, ranges: Sequence[OffsetRange]) -> Scope:
        """Returns the scope of everything that Kafka retains."""
        return cls(tuple(ranges), {(span.topic, span.partition): span.start for span in ranges})

    def between(
        self,
        since_us: int | None,
        until_us: int | None,
        starts: Mapping[Partition, int],
        ends: Mapping[Partition, int],
    ) -> Scope:
        """Returns the part of this scope whose records arrived in a range of time.

        Args:
            starts: offset of the first record that arrived at `since_us` or later.
            ends: offset of the first record that arrived at `until_us` or later.
        """
        ranges = []
        for span in self.ranges:
            pair = (span.topic, span.partition)
            start = min(max(starts.get(pair, span.start), span.start), span.end)
            end = min(max(ends.get(pair, span.end), start), span.end)
            ranges.append(span._replace(start=start, end=end))
        return dataclasses.replace(
            self, ranges=tuple(ranges), kind=RANGE, since_us=since_us, until_us=until_us
        )

    def from_proven(self, proven: Mapping[Partition, int]) -> Scope:
        """Returns the part of this scope that no check before has proven.

        Args:
            proven: the offset behind the last one proven of each partition.

        Raises:
            CannotCheck: a topic ends before what was proven of it.
        """
        ranges, unproven = [], []
        for span in self.ranges:
            start = proven.get((span.topic, span.partition), span.start)
            name = f"{span.topic}[{span.partition}]"
            if start > span.end:
                raise CannotCheck(
                    f"{name} ends at offset {span.end}, but was proven up to {start} before: is "
                    "it another topic under the same name? Hint: without --since_last all that "
                    "Kafka retains is checked"
                )
            if start < span.start:
                unproven.append(_expired(span, start))
            ranges.append(span._replace(start=max(start, span.start)))
        return dataclasses.replace(
            self, ranges=tuple(ranges), kind=INCREMENTAL, unproven=tuple(unproven)
        )

    def as_read(self, ranges: Sequence[OffsetRange]) -> Scope:
        """Returns this scope without what expired while it was read.

        Args:
            ranges: what was read of each partition, in the order of this scope.
        """
        unproven = [
            _expired(read, span.start)
            for span, read in zip(self.ranges, ranges, strict=True)
            if read.start > span.start
        ]
        if self.kind != INCREMENTAL:
            unproven = []
        return dataclasses.replace(self, ranges=tuple(ranges), unproven=(*self.unproven, *unproven))

    def holds(self, place: Place) -> bool:
        """Returns whether Kafka held a record outside the ranges when the check began."""
        if self.kind == FULL:
            return False
        earliest = self.retained.get((place.topic, place.partition))
        return earliest is not None and place.offset >= earliest

    def document(self) -> dict[str, Any]:
        """Returns plain values, for programs and for the audit log."""
        return {
            "scope": self.kind,
            "since": _text(self.since_us),
            "until": _text(self.until_us),
            "ranges": [
                span._asdict()
                | {"proven_end": self.proven_ends.get((span.topic, span.partition), span.end)}
                for span in self.ranges
            ],
        }

    def notes(self) -> list[str]:
        """Returns what a reader must know of a check that is not full."""
        if self.kind == FULL:
            return []
        if self.kind == RANGE:
            since, until = _text(self.since_us) or "ever", _text(self.until_us) or "now"
            head = f"only records that arrived from {since} until {until} were checked"
        else:
            head = "only records behind the last proven offset were checked"
        spans = ", ".join(f"{s.topic}[{s.partition}] {s.start} to {s.end}" for s in self.ranges)
        return [f"{head}: {spans} (end exclusive)"]


def _expired(span: OffsetRange, start: int) -> str:
    return f"{span.topic}[{span.partition}] {start}..{span.start - 1} expired before it was proven"


def _text(moment_us: int | None) -> str | None:
    if moment_us is None:
        return None
    moment = dt.datetime.fromtimestamp(moment_us // 1_000_000, dt.UTC)
    return moment.replace(microsecond=moment_us % 1_000_000).isoformat().replace("+00:00", "Z")

"""Compares Kafka with the tables, partition by partition and offset by offset."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from operations.reconcile.truth import OffsetRange, Partition
from operations.report.offsets import Offsets, Span, only_in, union
from operations.report.skipped import Laid
from transforms.payment.outcome import Outcome

_EXAMPLES_MAX = 10


class PartitionLine(NamedTuple):
    """One partition.

    Attributes:
        start, end: the range, end exclusive; None where nothing is known of it.
        records: in Kafka; None where it was not asked.
        rows: of each outcome; of `skipped` what the ranges count.
        missing: records in no table.
        unknown: offsets that a table holds, and Kafka no record at.
        surplus: rows too many at one offset.
        missing_spans, unknown_spans: the first of them.
    """

    topic: str
    partition: int
    start: int | None
    end: int | None
    records: int | None
    rows: Mapping[Outcome, int]
    missing: int
    unknown: int
    surplus: int
    missing_spans: tuple[Span, ...]
    unknown_spans: tuple[Span, ...]

    @property
    def all_rows(self) -> int:
        """Returns the rows of all outcomes."""
        return sum(self.rows.values())

    @property
    def adds_up(self) -> bool:
        """Returns whether each record, as far as they are known, has one row."""
        if self.missing or self.unknown or self.surplus:
            return False
        return self.records is None or self.records == self.all_rows


class _Books(NamedTuple):
    """What the tables hold of one partition."""

    held: Offsets
    rows: Mapping[Outcome, int]
    skipped: Laid


def lines(
    ranges: Sequence[OffsetRange] | None,
    records: Mapping[Partition, Offsets] | None,
    held: Mapping[Partition, Offsets],
    rows: Mapping[Partition, Mapping[Outcome, int]],
    skipped: Mapping[Partition, Laid],
) -> list[PartitionLine]:
    """Returns conservation, partition by partition.

    Args:
        ranges: what Kafka names; None, as `records`, where it was not asked.
        records: the offsets that have a record.
        held: the offsets that the tables hold.
        rows: how many rows the tables hold.
        skipped: what the ranges of skipped records say.
    """
    spans = {(span.topic, span.partition): span for span in ranges or ()}
    named = held.keys() | rows.keys() | skipped.keys()
    pairs = [*spans, *sorted(named - spans.keys())]
    return [
        _line(
            pair,
            spans.get(pair),
            None if records is None else records.get(pair, Offsets()),
            _Books(held.get(pair, Offsets()), rows.get(pair, {}), skipped.get(pair, Laid())),
        )
        for pair in pairs
    ]


def _line(
    pair: Partition,
    span: OffsetRange | None,
    records: Offsets | None,
    books: _Books,
) -> PartitionLine:
    held, rows, skipped = books
    last = held.last()
    start, end = held.first(), None if last is None else last + 1
    if span is not None:
        start, end = span.start, span.end
    both = union(held, skipped.held)
    missing, missing_spans = _told(records or (), both) if records is not None else (0, ())
    unknown, unknown_spans = _told(held, records) if records is not None else (0, ())
    surplus = sum(rows.values()) - held.count()
    surplus += held.count() + skipped.held.count() - both.count() + skipped.double
    counts = {outcome: rows.get(outcome, 0) for outcome in Outcome}
    return PartitionLine(
        *pair,
        start,
        end,
        None if records is None else records.count(),
        counts | {Outcome.SKIPPED: skipped.counted.total()},
        missing + skipped.missing,
        unknown + skipped.unknown,
        surplus,
        missing_spans,
        unknown_spans,
    )


def _told(
    one: Offsets | tuple[Span, ...], other: Offsets | tuple[Span, ...]
) -> tuple[int, tuple[Span, ...]]:
    """Returns how many offsets one set has beyond the other, and the first runs of them."""
    found = only_in(one, other)
    examples = tuple(itertools.islice(found, _EXAMPLES_MAX))
    return sum(span.size for span in (*examples, *found)), examples

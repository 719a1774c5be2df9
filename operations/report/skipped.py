"""Lays the ranges of skipped records beside the records that the contract skips.

A range says its first and last offset, its rule and how many records of the rule lie between. Which
these are only the records themselves can say, so they are decoded where a contract skips any.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from operations.reconcile.truth import OffsetRange, Partition
from operations.report.offsets import Offsets, union
from transforms.codecs.contract.language import Contract

# Which records of a partition a rule skips.
ByRule = dict[tuple[Partition, str], Offsets]


class Range(NamedTuple):
    """A row of skipped_records; its bucket is that of its first record's arrival."""

    topic: str
    partition: int
    first: int
    last: int
    rule: str
    records: int
    bucket_us: int


class RuleLine(NamedTuple):
    """How many records a rule has skipped."""

    rule: str
    records: int


@dataclasses.dataclass
class Laid:
    """What the ranges of one partition say of its records.

    Attributes:
        held: offsets of records that are in a range of their rule.
        counted: by hour or day, as far as the report reaches.
        missing: records that a range spans and does not count.
        unknown: records that a range counts, and Kafka does not hold.
        double: how often a record is in one more range of its rule, or in one of another.
    """

    held: Offsets = dataclasses.field(default_factory=Offsets)
    counted: Counter[int] = dataclasses.field(default_factory=Counter)
    missing: int = 0
    unknown: int = 0
    double: int = 0


def skips_any(contract: Contract) -> bool:
    """Returns whether a contract can skip a record at all."""
    return bool(contract.keep) or contract.tombstones == "skip"


def by_rule(ranges: Iterable[Range]) -> list[RuleLine]:
    """Returns the rules with what their ranges count, the largest first."""
    found: Counter[str] = Counter()
    for each in ranges:
        found[each.rule] += each.records
    return [RuleLine(*each) for each in found.most_common()]


def told_alone(ranges: Iterable[Range]) -> dict[Partition, Laid]:
    """Returns what the ranges say where Kafka was not asked."""
    found: dict[Partition, Laid] = defaultdict(Laid)
    for each in ranges:
        found[each.topic, each.partition].counted[each.bucket_us] += each.records
    return found


def laid(
    ranges: Iterable[Range],
    skipped: Mapping[tuple[Partition, str], Offsets],
    spans: Sequence[OffsetRange],
) -> dict[Partition, Laid]:
    """Returns what the ranges of each partition say of its records.

    Args:
        ranges: those that reach into the report.
        skipped: what the records say.
        spans: what was read of Kafka. A range may hold as many records more as it has offsets
            outside.
    """
    by_key: dict[tuple[Partition, str], list[Range]] = defaultdict(list)
    for each in ranges:
        by_key[(each.topic, each.partition), each.rule].append(each)
    read = {(span.topic, span.partition): span for span in spans}
    found: dict[Partition, Laid] = defaultdict(Laid)
    for (pair, rule), those in by_key.items():
        records = skipped.get((pair, rule), Offsets())
        _lay(found[pair], sorted(those), records, read.get(pair))
    return found


def _lay(into: Laid, ranges: Sequence[Range], records: Offsets, span: OffsetRange | None) -> None:
    met_of_all, held = 0, Offsets()
    for each in ranges:
        inside = records.between(each.first, each.last)
        met = inside.count()
        hidden = 0 if span is None else _outside(each, span)
        short, beyond = max(0, met - each.records), max(0, each.records - met - hidden)
        into.missing += short
        into.unknown += beyond
        into.counted[each.bucket_us] += met - short + beyond
        met_of_all += met
        # Ranges come in the order of their first offsets: what is held already ends at the last.
        last = held.last()
        for part in inside if last is None else inside.beyond(last + 1):
            held.add(*part)
    into.double += met_of_all - held.count()
    both = union(into.held, held)
    into.double += into.held.count() + held.count() - both.count()
    into.held = both


def _outside(it: Range, span: OffsetRange) -> int:
    before = max(0, min(span.start, it.last + 1) - it.first)
    return before + max(0, it.last + 1 - max(span.end, it.first))

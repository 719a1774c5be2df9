"""Reads which records of the topics arrived in a range of time: their offsets.

What they say is read only where a contract skips some, to know which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from operations.reconcile.kafka_side import KafkaSide
from operations.reconcile.progress import Progress, Tell
from operations.reconcile.scope import Scope
from operations.reconcile.truth import OffsetRange, Partition
from operations.report.offsets import Offsets
from operations.report.skipped import ByRule, skips_any
from transforms.codecs.contract.decoder import Decoder


class Read(NamedTuple):
    """What Kafka holds of the range.

    Attributes:
        ranges: the offsets, without what expired while they were read.
        records: the offsets that records have; markers of transactions have the others.
        skipped: the offsets of records that the contract skips, by partition and rule.
        from_earliest: partitions whose range begins with the first record that Kafka holds at all:
            what arrived before it may have been removed.
    """

    ranges: tuple[OffsetRange, ...]
    records: Mapping[Partition, Offsets]
    skipped: ByRule
    from_earliest: tuple[Partition, ...]


def ranges_of(kafka: KafkaSide, since_us: int, until_us: int) -> Scope:
    """Returns the offsets of the records that arrived in the range, as `payments reconcile` has it.

    Raises:
        CannotRead: a topic does not exist, or the broker does not answer.
    """
    scope = Scope.full(kafka.ranges())
    starts = kafka.first_from(since_us, scope.ranges)
    ends = kafka.first_from(until_us, scope.ranges)
    return scope.between(since_us, until_us, starts, ends)


def read(kafka: KafkaSide, scope: Scope, decoder: Decoder, tell: Tell) -> Read:
    """Reads the records of the ranges.

    Args:
        decoder: of the contract by which records are skipped.

    Raises:
        CannotRead: the broker stops answering.
    """
    ranges = list(scope.ranges)
    records = {(span.topic, span.partition): Offsets() for span in ranges}
    skipped: ByRule = defaultdict(Offsets)
    names = decoder.contract.headers
    decode = decoder.decode if skips_any(decoder.contract) else None
    progress = Progress(tell, "records read from Kafka", sum(s.end - s.start for s in ranges))
    for batch in kafka.batches(ranges, headers=names):
        for record in batch:
            records[record.topic, record.partition].add(record.offset)
            progress.step()
        for record, rule in decode(batch).skipped if decode else ():
            skipped[(record.topic, record.partition), rule].add(record.offset)
    # What expired meanwhile may have been passed over: nothing half known is compared.
    starts = {(span.topic, span.partition): span.start for span in kafka.ranges()}
    for number, span in enumerate(ranges):
        pair = span.topic, span.partition
        if starts[pair] > span.start:
            ranges[number] = span._replace(start=min(starts[pair], span.end))
            records[pair] = records[pair].beyond(starts[pair])
            for of, rule in list(skipped):
                if of == pair:
                    skipped[of, rule] = skipped[of, rule].beyond(starts[pair])
    earliest = tuple(
        (span.topic, span.partition)
        for span in ranges
        if 0 < span.start <= starts[span.topic, span.partition]
    )
    return Read(tuple(ranges), records, skipped, earliest)

"""Records that are not the payment, as ranges: what a contract skips is accounted for, not kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from transforms.payment.fields import Field, declares
from transforms.payment.transaction import KafkaRecord


@declares
class SkippedRange(NamedTuple):
    """Records of a partition that one rule skips, from the first to the last of a batch.

    Records that end otherwise may lie between them. Ranges of one rule do not overlap: batches of
    a partition follow each other.
    """

    topic: Annotated[str, Field("Topic the records were read from.", "kafka_topic")]
    partition: Annotated[int, Field("Partition the records were read from.", "kafka_partition")]
    first_offset: Annotated[int, Field("Offset of the first record that the rule skips.")]
    last_offset: Annotated[int, Field("Offset of the last one.")]
    rule: Annotated[str, Field("The rule of the contract that says so.")]
    record_count: Annotated[int, Field("How many records the rule skips from first to last.")]
    broker_time_us: Annotated[
        int, Field("Arrival of the first record.", "broker_time", "TIMESTAMP")
    ]
    last_broker_time_us: Annotated[
        int, Field("Arrival of the last record.", "last_broker_time", "TIMESTAMP")
    ]


def ranges_of(skipped: Iterable[tuple[KafkaRecord, str]]) -> list[SkippedRange]:
    """Returns one range for each partition and rule of a batch, whose records are in order."""
    found: dict[tuple[str, int, str], SkippedRange] = {}
    for record, rule in skipped:
        key = (record.topic, record.partition, rule)
        known = found.get(key)
        if known is None:
            begin, arrival_us = record.offset, record.broker_time_us
            found[key] = SkippedRange(*key[:2], begin, begin, rule, 1, arrival_us, arrival_us)
        else:
            found[key] = known._replace(
                last_offset=record.offset,
                record_count=known.record_count + 1,
                last_broker_time_us=record.broker_time_us,
            )
    return list(found.values())

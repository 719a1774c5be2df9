"""Turns a message of kafka-python into a record."""

from __future__ import annotations

from typing import Any

from transforms.payment import replay
from transforms.payment.transaction import KafkaRecord


def record_of(message: Any) -> KafkaRecord:
    """Returns the record; Kafka's timestamps are milliseconds, ours microseconds."""
    return KafkaRecord(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp * 1_000,
        message.key,
        message.value,
        replay.header_of(message.headers),
    )

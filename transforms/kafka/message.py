"""Turns a message of kafka-python into a record."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from transforms.payment import replay
from transforms.payment.transaction import Headers, KafkaRecord


def record_of(message: Any, asked: Collection[str] | None = ()) -> KafkaRecord:
    """Returns the record; Kafka's timestamps are milliseconds, ours microseconds.

    Args:
        asked: names of the headers that the record is to carry; None for all.
    """
    headers = message.headers or ()
    return KafkaRecord(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp * 1_000,
        message.key,
        message.value,
        replay.header_of(headers),
        tuple(headers) if asked is None else carried(headers, asked),
    )


def carried(headers: Iterable[Any], asked: Collection[str]) -> Headers:
    """Returns those of the (name, value) pairs that are asked for, in their order."""
    return tuple((name, value) for name, value in headers if name in asked) if asked else ()

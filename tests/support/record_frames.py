"""Frames as the Java consumer packs them, for tests without Java."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from transforms.payment.transaction import KafkaRecord


def pack(
    records: Sequence[KafkaRecord], timestamp_type: int = 1, asked: Sequence[str] = ()
) -> bytes:
    """Returns the frame of these records of one partition, as record_frame.py describes it."""
    topic, count = records[0].topic.encode(), len(records)
    fields = [
        *(each.key for each in records),
        *(each.payload for each in records),
        *(each.replay_header for each in records),
        *(_packed(each, asked) for each in records if asked),
    ]
    version = 3 if asked else 2
    return b"".join(
        [
            struct.pack("<BBHii", version, timestamp_type, len(topic), records[0].partition, count),
            topic,
            struct.pack(f"<{count}q", *(each.offset for each in records)),
            struct.pack(f"<{count}q", *(each.broker_time_us // 1_000 for each in records)),
            struct.pack(f"<{len(fields)}i", *(-1 if f is None else len(f) for f in fields)),
            *(field for field in fields if field is not None),
        ]
    )


def _packed(record: KafkaRecord, asked: Sequence[str]) -> bytes | None:
    return (
        b"".join(
            struct.pack("<Hi", asked.index(name), -1 if value is None else len(value))
            + (value or b"")
            for name, value in record.headers
        )
        or None
    )

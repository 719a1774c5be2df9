"""Frames as the Java consumer packs them, for tests without Java."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from transforms.payment.transaction import KafkaRecord


def pack(records: Sequence[KafkaRecord], timestamp_type: int = 1) -> bytes:
    """Returns the frame of these records of one partition, as record_frame.py describes it."""
    topic, count = records[0].topic.encode(), len(records)
    fields = [
        *(each.key for each in records),
        *(each.payload for each in records),
        *(each.replay_header for each in records),
    ]
    return b"".join(
        [
            struct.pack("<BBHii", 2, timestamp_type, len(topic), records[0].partition, count),
            topic,
            struct.pack(f"<{count}q", *(each.offset for each in records)),
            struct.pack(f"<{count}q", *(each.broker_time_us // 1_000 for each in records)),
            struct.pack(f"<{3 * count}i", *(-1 if f is None else len(f) for f in fields)),
            *(field for field in fields if field is not None),
        ]
    )

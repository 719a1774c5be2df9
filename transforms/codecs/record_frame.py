"""Unpacks the frames in which the Java consumer packs many Kafka records.

Little-endian, `count` records of one partition in order:

    u8 version (2), u8 timestamp_type (1: LogAppendTime), u16 topic_bytes, i32 partition, i32 count
    topic (UTF-8)
    i64 offsets[count], i64 timestamps_ms[count]
    i32 key_bytes[count], i32 value_bytes[count], i32 header_bytes[count]    -1 is absent
    all keys, all values, all headers (payments-replay-of)

templates/expansion/java/payments/kafka/RecordFrames.java says why, and why only on Flink.
"""

from __future__ import annotations

import functools
import itertools
import struct
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np

from transforms.payment import arrival
from transforms.payment.transaction import KafkaRecord

INTERCEPTOR = "payments.kafka.RecordFrames"

_VERSION = 2
_HEAD = struct.Struct("<BBHii")
# As _make, without the call of Python's own that it is for each record.
_record = cast(
    Callable[[Iterable[Any]], KafkaRecord],
    functools.partial(tuple.__new__, KafkaRecord),
)


def unpack(frame: bytes) -> list[KafkaRecord]:
    """Returns the records of a frame, in order.

    Raises:
        NoArrivalTime: they carry their producer's time.
        ValueError: it is no frame of this version. Kafka hands out records as they are when its
            interceptor fails; to take one for a frame would lose it.
    """
    if len(frame) < _HEAD.size or frame[0] != _VERSION:
        raise ValueError(f"no frame of version {_VERSION}: {frame[: _HEAD.size]!r}…")
    _, timestamp_type, topic_bytes, partition, count = _HEAD.unpack_from(frame)
    begin = _HEAD.size + topic_bytes
    topic = frame[_HEAD.size : begin].decode()
    places = np.frombuffer(frame, "<i8", 2 * count, begin)
    if timestamp_type != arrival.LOG_APPEND_TIME:
        raise arrival.NoArrivalTime(topic, partition, int(places[0]), timestamp_type)
    lengths = np.frombuffer(frame, "<i4", 3 * count, begin + places.nbytes)
    # Headers come last, and hardly ever.
    replays = lengths[2 * count :].max() >= 0
    content = _cut(
        frame, begin + places.nbytes + lengths.nbytes, lengths if replays else lengths[: 2 * count]
    )
    columns = zip(
        itertools.repeat(topic, count),
        itertools.repeat(partition),
        places[:count].tolist(),
        (places[count:] * 1_000).tolist(),
        content[:count],
        content[count : 2 * count],
        content[2 * count :] if replays else itertools.repeat(None),
        strict=False,  # two of them have no end
    )
    return list(map(_record, columns))


def _cut(frame: bytes, begin: int, lengths: np.ndarray) -> list[bytes | None]:
    """Returns what lies one behind the other from `begin` to the frame's end."""
    some_absent = lengths.min() < 0
    present = np.maximum(lengths, 0) if some_absent else lengths
    ends: list[int] = (present.cumsum() + begin).tolist()
    if ends[-1] != len(frame):
        raise ValueError(f"a frame of {ends[-1]} bytes has {len(frame)}")
    # Not pairwise: two lists are quicker than its tuples.
    content: list[bytes | None]
    content = [frame[start:end] for start, end in zip([begin, *ends], ends, strict=False)]
    if not some_absent:
        return content
    absent = (lengths < 0).tolist()
    return [None if none else each for each, none in zip(content, absent, strict=True)]

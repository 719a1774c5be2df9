"""Unpacks the frames in which the Java consumer packs many Kafka records.

Little-endian, `count` records of one partition in order:

    u8 version (2 or 3), u8 timestamp_type (0: CreateTime, 1: LogAppendTime), u16 topic_bytes
    i32 partition, i32 count
    topic (UTF-8)
    i64 offsets[count], i64 timestamps_ms[count]
    i32 key_bytes[count], i32 value_bytes[count], i32 replay_bytes[count]    -1 is absent
    i32 header_bytes[count]                                        version 3
    all keys, all values, all replay headers (payments-replay-of)
    all other headers                                              version 3

Version 3 is for a job that asks for headers. Those of a record are, one behind the other:

    u16 name (its place among those asked for), i32 value_bytes (-1 is null), value

templates/expansion/java/payments/kafka/RecordFrames.java says why, and why only on Flink.
"""

from __future__ import annotations

import functools
import itertools
import struct
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np

from transforms.payment import arrival
from transforms.payment.arrival import Arrival
from transforms.payment.transaction import KafkaRecord

INTERCEPTOR = "payments.kafka.RecordFrames"
# Settings of the interceptor.
HEADERS_SETTING = "payments.headers"

_PLAIN, _WITH_HEADERS = 2, 3
_HEAD = struct.Struct("<BBHii")
_HEADER = struct.Struct("<Hi")
# As _make, without the call of Python's own that it is for each record.
_record = cast(
    Callable[[Iterable[Any]], KafkaRecord],
    functools.partial(tuple.__new__, KafkaRecord),
)


def settings(headers: Sequence[str]) -> dict[str, str]:
    """Returns what the interceptor must be told of the headers that frames are to carry."""
    names = ",".join(urllib.parse.quote(name, safe="") for name in headers)
    return {HEADERS_SETTING: names} if headers else {}


def unpack(
    frame: bytes, headers: Sequence[str] = (), required: Arrival = arrival.BY_BROKER
) -> list[KafkaRecord]:
    """Returns the records of a frame, in order.

    Args:
        headers: names of those that the interceptor was asked for, in this order.
        required: whose times records must carry.

    Raises:
        NoArrivalTime: they carry other times.
        ValueError: it is no frame of this version. Kafka hands out records as they are when its
            interceptor fails; to take one for a frame would lose it.
    """
    version = _WITH_HEADERS if headers else _PLAIN
    if len(frame) < _HEAD.size or frame[0] != version:
        raise ValueError(f"no frame of version {version}: {frame[: _HEAD.size]!r}…")
    _, timestamp_type, topic_bytes, partition, count = _HEAD.unpack_from(frame)
    begin = _HEAD.size + topic_bytes
    topic = frame[_HEAD.size : begin].decode()
    places = np.frombuffer(frame, "<i8", 2 * count, begin)
    if timestamp_type != required.timestamp_type:
        raise required.refusal(topic, partition, int(places[0]), timestamp_type, int(places[count]))
    columns = 4 if headers else 3
    lengths = np.frombuffer(frame, "<i4", columns * count, begin + places.nbytes)
    # Headers come last, and hardly ever.
    if not headers and lengths[2 * count :].max() < 0:
        columns = 2
    content = _cut(frame, begin + places.nbytes + lengths.nbytes, lengths[: columns * count])
    fields = zip(
        itertools.repeat(topic, count),
        itertools.repeat(partition),
        places[:count].tolist(),
        (places[count:] * 1_000).tolist(),
        content[:count],
        content[count : 2 * count],
        content[2 * count : 3 * count] if columns > 2 else itertools.repeat(None),
        [_named(each, headers) for each in content[3 * count :]] if headers else _NO_HEADERS,
        strict=False,  # some of them have no end
    )
    return list(map(_record, fields))


_NO_HEADERS = itertools.repeat(())


def _named(packed: bytes | None, names: Sequence[str]) -> tuple[tuple[str, bytes | None], ...]:
    """Returns the headers of a record."""
    found: list[tuple[str, bytes | None]] = []
    begin = 0
    while packed is not None and begin < len(packed):
        name, value_bytes = _HEADER.unpack_from(packed, begin)
        begin += _HEADER.size
        end = begin + max(0, value_bytes)
        found.append((names[name], None if value_bytes < 0 else packed[begin:end]))
        begin = end
    return tuple(found)


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

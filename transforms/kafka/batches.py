"""Makes kafka-python 3.0.12 take every batch of records that a broker takes, as Java's client does.

A broker looks into neither the name of a header nor what compaction leaves of a batch. kafka-python
gives up on a name that is not UTF-8, where Java puts U+FFFD for the bytes that are none, and on a
marker's batch whose marker compaction has removed.
"""

from __future__ import annotations

from typing import Any

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.util import decode_varint


def take_all() -> None:
    """Replaces what gives up. Fails loudly when an upgrade has renamed it."""
    read = DefaultRecordBatch.__dict__["_read_msg"]
    if read.__module__ != __name__:
        DefaultRecordBatch._read_msg = _tolerant(read)
    records = Fetcher.__dict__["PartitionRecords"]
    aborts = records.__dict__["_contains_abort_marker"]
    if aborts.__module__ != __name__:
        records._contains_abort_marker = _of_any_batch(aborts)


def _tolerant(read: Any) -> Any:
    def _read_msg(batch: Any) -> Any:
        try:
            return read(batch)
        except UnicodeDecodeError:
            # It has not moved: its position is set behind the last field.
            return _record(batch)

    return _read_msg


def _of_any_batch(aborts: Any) -> Any:
    def _contains_abort_marker(records: Any, batch: Any) -> bool:
        return bool(batch.records_count and aborts(records, batch))

    return _contains_abort_marker


def _record(batch: Any) -> DefaultRecord:
    """Returns the batch's next record, whatever its headers are called."""
    buffer = batch._buffer
    length, start = decode_varint(buffer, batch._pos)
    time_delta, place = decode_varint(buffer, start + 1)  # behind a byte of attributes
    offset_delta, place = decode_varint(buffer, place)
    key, place = _field(buffer, place)
    value, place = _field(buffer, place)
    count, place = decode_varint(buffer, place)
    headers = []
    for _ in range(count):
        name, place = _field(buffer, place)
        content, place = _field(buffer, place)
        headers.append(((name or b"").decode("utf-8", "replace"), content))
    if place - start != length:
        raise CorruptRecordError(f"a record of {length} bytes has {place - start}")
    batch._pos = place
    by_broker = batch.timestamp_type == batch.LOG_APPEND_TIME
    time_ms = batch.max_timestamp if by_broker else batch.first_timestamp + time_delta
    offset = batch.base_offset + offset_delta
    return DefaultRecord(length, offset, time_ms, batch.timestamp_type, key, value, headers)


def _field(buffer: bytearray, place: int) -> tuple[bytes | None, int]:
    length, place = decode_varint(buffer, place)
    if length < 0:
        return None, place
    return bytes(buffer[place : place + length]), place + length

"""kafka-python takes the batches that a broker's cleaner leaves: some hold no record any more."""

from __future__ import annotations

import pytest
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.structs import TopicPartition

from transforms.kafka import batches as kafka_batches

TRANSACTIONAL, CONTROL = 0x10, 0x20

kafka_batches.take_all()


def empty_batch(first: int, last: int, attributes: int) -> bytes:
    """Returns what the cleaner keeps of a batch for its producer's sequence number."""
    header = DefaultRecordBatch.HEADER_STRUCT
    length = header.size - DefaultRecordBatch.AFTER_LEN_OFFSET
    return header.pack(first, length, 0, 2, 0, attributes, last - first, 0, 0, 5, 0, 0, 0)


def batch(first: int, *values: bytes) -> bytes:
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=1_000)
    for value in values:
        builder.append(1, None, value)
    builder.close()
    content = bytearray(builder.buffer())
    content[:8] = first.to_bytes(8, "big")
    return bytes(content)


@pytest.mark.parametrize("attributes", [0, TRANSACTIONAL, TRANSACTIONAL | CONTROL])
def test_batch_without_records_is_passed_over(attributes: int) -> None:
    records = Fetcher.PartitionRecords(
        0,
        TopicPartition("t", 0),
        MemoryRecords(empty_batch(0, 3, attributes) + batch(4, b"a", b"b")),
        check_crcs=False,
        isolation_level=IsolationLevel.READ_COMMITTED,
    )

    found = records.take(10)

    assert [(each.offset, each.value) for each in found] == [(4, b"a"), (5, b"b")]
    assert records.next_fetch_offset == 6


def test_taking_all_twice_changes_nothing() -> None:
    read = DefaultRecordBatch._read_msg

    kafka_batches.take_all()

    assert DefaultRecordBatch._read_msg is read

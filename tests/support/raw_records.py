"""Sends to a broker what kafka-python's producer refuses and others send."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kafka import KafkaConsumer
from kafka.errors import for_code
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

from tests.support.payments import payload
from transforms.payment import replay

NOW_MS = 1_767_225_600_000


class Raw(NamedTuple):
    """A record before it is sent."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp_ms: int = NOW_MS


class Bytes(str):
    """A header's name whose bytes are no UTF-8, as a producer in C may send it."""

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe-name"


# Whatever a broker takes: keys, values, headers and times of any kind.
ODD = [
    Raw(payload()),
    Raw(None, b"tombstone"),
    Raw(None, None),
    Raw(b"", b""),
    Raw(b"\x00" * 1_500_000, b"large"),
    Raw(bytes(range(256)), b"\xff" * 70_000),
    Raw(b"t", timestamp_ms=0),
    Raw(b"t", timestamp_ms=-1),
    Raw(b"t", timestamp_ms=-(2**62)),
    Raw(b"t", timestamp_ms=2**63 - 1),
    Raw(b"h", headers=[("traceparent", None), ("", b""), ("é", b"\xff")]),
    Raw(b"h", headers=[(replay.HEADER, b"first"), (replay.HEADER, b"last")]),
    Raw(b"h", headers=[(replay.HEADER, b"first"), (replay.HEADER, None)]),
    Raw(b"h", headers=[(Bytes("raw"), b"v"), (replay.HEADER, b"kept")]),
    Raw(b"h", headers=[(f"h-{n}", b"x" * 100) for n in range(500)]),
    Raw(payload(transaction_id="last")),
]


def send(servers: str, topic: str, records: Iterable[Raw], together: bool = False) -> None:
    """Sends to partition 0, each in a batch of its own or all in one."""
    records = list(records)
    consumer = KafkaConsumer(bootstrap_servers=servers, group_id=None)
    for group in [records] if together else [[each] for each in records]:
        builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=2**30)
        for each in group:
            builder.append(each.timestamp_ms, each.key, each.value, list(each.headers))
        builder.close()
        _produce(consumer, topic, bytes(builder.buffer()))
    consumer.close(autocommit=False)


def _produce(consumer: KafkaConsumer, topic: str, batch: bytes) -> None:
    one_topic = ProduceRequest.TopicProduceData
    partition = one_topic.PartitionProduceData(index=0, records=batch)
    request = ProduceRequest(
        transactional_id=None,
        acks=-1,
        timeout_ms=10_000,
        topic_data=[one_topic(name=topic, partition_data=[partition])],
        min_version=3,
        max_version=9,
    )
    [broker] = consumer._manager.cluster.brokers()
    answer = consumer._net.run(lambda: consumer._manager.send(request, node_id=broker.node_id))
    for code in (each.error_code for top in answer.responses for each in top.partition_responses):
        assert code == 0, for_code(code)

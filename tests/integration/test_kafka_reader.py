"""What a broker takes, the one reader reads, as Flink's source does, or says in a line why not."""

from __future__ import annotations

import base64
import contextlib
import itertools
import uuid
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from tests.support import java_program
from tests.support.payments import payload
from tests.support.raw_records import Bytes, Raw
from tests.support.raw_records import send as send_raw
from transforms.contract import kafka_reader, record_frame, replay
from transforms.contract.kafka_message import record_of
from transforms.contract.kafka_reader import KafkaReader
from transforms.contract.transaction import KafkaRecord

pytestmark = pytest.mark.integration
CODECS = ("uncompressed", "gzip", "snappy", "lz4", "zstd")
BYTES_MAX = 3_000_000


@pytest.fixture(scope="module")
def servers(sandbox) -> str:
    return sandbox.endpoints()["kafka"]


@pytest.fixture
def admin(servers: str) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=servers)
    yield admin
    admin.close()


@pytest.fixture
def make_topic(admin: KafkaAdminClient) -> Callable[..., str]:
    def make(partitions: int = 1, **settings: str) -> str:
        name = f"reader_{uuid.uuid4().hex[:12]}"
        settings = {"message.timestamp.type": "LogAppendTime"} | {
            key.replace("_", "."): value for key, value in settings.items()
        }
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        return name

    return make


@contextlib.contextmanager
def producing(servers: str, **settings) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(
        bootstrap_servers=servers, acks="all", max_request_size=BYTES_MAX, **settings
    )
    yield producer
    producer.close()


def send(servers: str, topic: str, count: int, partition: int = 0) -> None:
    with producing(servers) as producer:
        for each in range(count):
            producer.send(topic, payload(transaction_id=f"t-{each}"), partition=partition)


def alter(admin: KafkaAdminClient, topic: str, **settings: str) -> None:
    wanted = {key.replace("_", "."): value for key, value in settings.items()}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])


@contextlib.contextmanager
def reading(servers: str, **settings) -> Iterator[KafkaReader]:
    consumer = KafkaConsumer(**kafka_reader.settings(servers, {}))
    yield KafkaReader(servers, consumer, **settings)
    consumer.close(autocommit=False)


def read_all(servers: str, topic: str) -> list[KafkaRecord]:
    with reading(servers, batch_records=7) as reader:
        batches = [reader.read([span]) for span in reader.ranges([topic])]
        return [record_of(each) for batch in itertools.chain(*batches) for each in batch]


def read_by_java(servers: str, *topics: str) -> list[KafkaRecord]:
    ended = java_program.run("ReadFrames", servers, record_frame.INTERCEPTOR, *topics)
    assert ended.returncode == 0, ended.stderr
    frames = map(base64.b64decode, ended.stdout.splitlines())
    return list(itertools.chain(*map(record_frame.unpack, frames)))


OURS = replay.HEADER
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
    Raw(b"h", headers=[(OURS, b"first"), (OURS, b"last")]),
    Raw(b"h", headers=[(OURS, b"first"), (OURS, None)]),
    Raw(b"h", headers=[(Bytes("raw"), b"v"), (OURS, b"kept")]),
    Raw(b"h", headers=[(f"h-{n}", b"x" * 100) for n in range(500)]),
    Raw(payload(transaction_id="last")),
]


@java_program.needs_jars
def test_python_reads_what_java_reads_whatever_a_record_holds(servers: str, make_topic) -> None:
    topics = {
        codec: make_topic(compression_type=codec, max_message_bytes=str(BYTES_MAX))
        for codec in CODECS
    }
    # A broker that compresses anew refuses a negative time; as it came, it takes any.
    sent = {
        codec: [each for each in ODD if codec == "uncompressed" or each.timestamp_ms >= 0]
        for codec in CODECS
    }
    for codec, topic in topics.items():
        send_raw(servers, topic, sent[codec])

    by_java = read_by_java(servers, *topics.values())

    for codec, topic in topics.items():
        records = read_all(servers, topic)
        assert [each.payload for each in records] == [each.value for each in sent[codec]], codec
        assert [each.key for each in records] == [each.key for each in sent[codec]]
        headers = [replay.header_of(each.headers) for each in sent[codec]]
        assert [each.replay_header for each in records] == headers
        assert [each for each in by_java if each.topic == topic] == records, codec

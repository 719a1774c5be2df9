"""The one reader reads what a broker takes, as Flink's source does, or says in a line why not."""

from __future__ import annotations

import base64
import contextlib
import itertools
import uuid
from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.structs import TopicPartition

from operations.errors import CannotStart
from operations.reconcile import kafka_side
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Limits
from pipeline.launch import arrival_check
from pipeline.launch.recover import topic_records
from tests.support import java_program, raw_records
from tests.support.payments import payload
from tests.support.raw_records import ODD
from transforms.codecs import record_frame
from transforms.kafka import reader as kafka_reader
from transforms.kafka.message import record_of
from transforms.kafka.reader import CannotRead, KafkaReader, OffsetRange
from transforms.payment import replay
from transforms.payment.arrival import BY_BROKER, NoArrivalTime
from transforms.payment.transaction import KafkaRecord
from transforms.read_kafka import KafkaSource, _ReadRangeFn

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
        raw_records.send(servers, topic, sent[codec])

    by_java = read_by_java(servers, *topics.values())

    for codec, topic in topics.items():
        records = read_all(servers, topic)
        assert [each.payload for each in records] == [each.value for each in sent[codec]], codec
        assert [each.key for each in records] == [each.key for each in sent[codec]]
        headers = [replay.header_of(each.headers) for each in sent[codec]]
        assert [each.replay_header for each in records] == headers
        assert [each for each in by_java if each.topic == topic] == records, codec


def test_range_may_end_in_markers_and_hold_nothing_but_aborted_records(servers: str, make_topic):
    topic = make_topic(2)
    with producing(servers, transactional_id=topic, enable_idempotence=True) as producer:
        producer.init_transactions()
        for partition, end in ((0, "commit"), (0, "abort"), (1, "abort"), (0, "commit")):
            producer.begin_transaction()
            for value in (b"1", b"2"):
                producer.send(topic, value, partition=partition).get(30)
            getattr(producer, f"{end}_transaction")()

    with reading(servers, stall_sec=20) as reader:
        ranges = reader.ranges([topic])
        read = [(each.partition, each.offset) for one in reader.read(ranges) for each in one]

    assert ranges == [OffsetRange(topic, 0, 0, 9), OffsetRange(topic, 1, 0, 3)]
    assert read == [(0, 0), (0, 1), (0, 6), (0, 7)]


def test_what_was_read_to_its_end_can_be_read_again(servers: str, make_topic) -> None:
    topic = make_topic()
    send(servers, topic, 6)

    with reading(servers, stall_sec=5) as reader:
        for start in (0, 3, 1):
            batches = reader.read([OffsetRange(topic, 0, start, 6)])
            assert [each.offset for batch in batches for each in batch] == [*range(start, 6)]


def direct_runner(servers: str, span: OffsetRange) -> Iterator[KafkaRecord]:
    read = _ReadRangeFn(KafkaSource(servers, (span.topic,)))
    return (each for value in read.process(span) for each in value.value)


def start_from_tables(servers: str, span: OffsetRange) -> Iterator[KafkaRecord]:
    with topic_records.connected(KafkaSource(servers, (span.topic,))) as topic:
        yield from topic.records(span)


PROGRAMS = pytest.mark.parametrize("program", [direct_runner, start_from_tables])


@PROGRAMS
def test_what_retention_removes_between_planning_and_reading_is_named(
    servers: str, make_topic, admin, program
) -> None:
    topic = make_topic()
    send(servers, topic, 10)
    planned = OffsetRange(topic, 0, 2, 10)
    admin.delete_records({TopicPartition(topic, 0): 6})

    with pytest.raises((CannotRead, CannotStart)) as told:
        list(program(servers, planned))

    assert f"{topic}[0] offsets 2 to 5 were removed" in str(told.value)
    assert "begins at 6" in str(told.value)


@PROGRAMS
def test_control_what_is_there_is_read_to_the_end(servers: str, make_topic, admin, program) -> None:
    topic = make_topic()
    send(servers, topic, 10)
    admin.delete_records({TopicPartition(topic, 0): 6})

    records = list(program(servers, OffsetRange(topic, 0, 6, 10)))

    assert [each.offset for each in records] == [6, 7, 8, 9]


def test_topic_that_ends_before_what_was_planned_is_told(servers: str, make_topic) -> None:
    topic = make_topic()
    send(servers, topic, 3)

    with reading(servers) as reader, pytest.raises(CannotRead, match="ends at offset 3, before 7"):
        list(reader.read([OffsetRange(topic, 0, 7, 9)]))


def test_reconcile_passes_over_what_retention_removes_while_it_reads(
    servers: str, make_topic, admin
) -> None:
    topic = make_topic()
    send(servers, topic, 10)
    with kafka_side.connected(Topics(servers, (topic,))) as kafka:
        ranges = kafka.ranges()
        admin.delete_records({TopicPartition(topic, 0): 6})
        truth = kafka.read(ranges, Limits(), lambda text: None)

    assert truth.records == 4
    assert [tuple(span) for span in truth.ranges] == [(topic, 0, 6, 10)]


def test_broker_that_sends_nothing_ends_the_reading_with_what_is_waited_for(
    servers: str, make_topic
) -> None:
    topic = make_topic()
    send(servers, topic, 3)

    with reading(servers, stall_sec=1) as reader, pytest.raises(CannotRead) as told:
        list(reader.read([OffsetRange(topic, 0, 0, 9)]))  # nobody sends the other six

    assert f"{topic}[0] stands at 3 of 9" in str(told.value)


@pytest.fixture
def altered(servers: str, make_topic, admin) -> str:
    """Ten records with the producer's time, then, in partition 0, five with arrival time."""
    topic = make_topic(2, message_timestamp_type="CreateTime")
    for partition in (0, 1):
        send(servers, topic, 10, partition)
    alter(admin, topic, message_timestamp_type="LogAppendTime")
    send(servers, topic, 5)
    return topic


def test_direct_runner_stops_at_a_record_that_carries_its_producers_time(
    servers: str, altered: str
) -> None:
    with pytest.raises(NoArrivalTime, match=rf"{altered}\[0\] offset 3 carries its producer's"):
        list(direct_runner(servers, OffsetRange(altered, 0, 3, 15)))


def test_start_is_refused_with_the_offset_from_which_each_partition_is_clean(
    servers: str, altered: str
) -> None:
    with reading(servers) as reader, pytest.raises(CannotStart) as told:
        arrival_check.check(reader, reader.ranges([altered]), BY_BROKER)

    assert f"clean are {altered}[0] from offset 10, {altered}[1] from offset 10" in str(told.value)


def test_what_is_clean_may_start_and_what_lies_between_is_found(
    servers: str, altered: str, admin
) -> None:
    with reading(servers) as reader:
        arrival_check.check(reader, [OffsetRange(altered, 0, 10, 15)], BY_BROKER)
        arrival_check.check(reader, [OffsetRange(altered, 1, 10, 10)], BY_BROKER)  # empty
        alter(admin, altered, message_timestamp_type="CreateTime")
        send(servers, altered, 4)
        alter(admin, altered, message_timestamp_type="LogAppendTime")
        send(servers, altered, 6)
        with pytest.raises(CannotStart, match=r"\[0\] from offset 19\. "):
            arrival_check.check(reader, [OffsetRange(altered, 0, 10, 25)], BY_BROKER)


@pytest.mark.parametrize("time_ms", [-(2**62), -1, 2**63 - 1])
def test_producers_time_of_any_value_is_refused_or_found_and_never_stops_with_a_trace(
    servers: str, make_topic, time_ms: int
) -> None:
    settings = {"message_timestamp_type": "CreateTime"}
    topic = make_topic(message_timestamp_after_max_ms=str(2**63 - 1), **settings)
    raw_records.send(servers, topic, [raw_records.Raw(payload(), timestamp_ms=time_ms)])

    with kafka_side.connected(Topics(servers, (topic,))) as kafka:
        truth = kafka.read(kafka.ranges(), Limits(), lambda text: None)
    with pytest.raises(NoArrivalTime, match=r"offset 0 carries its producer's time \(CreateTime\)"):
        list(direct_runner(servers, OffsetRange(topic, 0, 0, 1)))

    assert (truth.records, kafka.without_arrival.failures) == (1, 1)

"""Markers of transactions and what was aborted take offsets: the source reads past them.

The jars that ship and Beam's own, on a real broker: docs/decisions/0023.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from operations.errors import CannotStart
from operations.health import topic_side
from operations.reconcile.settings import Topics
from pipeline.launch import start_offsets
from pipeline.launch.held_tables import Held
from pipeline.launch.recover import topic_records
from pipeline.launch.recover.recovery import check_nothing_lost
from sandbox.layout import REPOSITORY
from sandbox.sandbox import Sandbox
from simulator import cli, ledger
from tests.support import java_program
from transforms.codecs import record_frame
from transforms.read_kafka import KafkaSource, OffsetRange

pytestmark = [pytest.mark.integration, java_program.needs_jars]
ORIGINAL = [*(REPOSITORY / ".tools/jars/originals").glob("beam-sdks-java-io-kafka-*.jar")]

COMMITTED, ABORTED, ABORTED_LAST, PLAIN, OPEN, EMPTY = range(6)
PARTITIONS = 6
EARLIEST = "auto.offset.reset=earliest"
FRAMED = f"interceptor.classes={record_frame.INTERCEPTOR}"
NO_WATERMARK_MS = -9_223_372_036_854_775  # Beam's earliest moment


class Place(NamedTuple):
    """Where a reader stands."""

    elements: int
    watermark_ms: int
    next_offset: int


class Sent(NamedTuple):
    """A topic, and when all of it had been sent."""

    topic: str
    kafka: str
    ended_ms: int
    hanging: KafkaProducer  # its transaction in OPEN has not ended


def transactional(kafka: str, name: str) -> KafkaProducer:
    producer = KafkaProducer(
        bootstrap_servers=kafka,
        transactional_id=name,
        acks="all",
        enable_idempotence=True,
        transaction_timeout_ms=600_000,  # the tests end it, not the broker
    )
    producer.init_transactions()
    return producer


def send(
    producer: KafkaProducer, topic: str, partition: int, count: int, end: Callable[[], Any]
) -> None:
    producer.begin_transaction()
    for _ in range(count):
        producer.send(topic, b"{}", partition=partition).get(30)
    end()


def new_topic(kafka: str, name: str, partitions: int = PARTITIONS) -> str:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    configs = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
    admin.close()
    return name


@pytest.fixture(scope="module")
def sent(sandbox: Sandbox) -> Iterator[Sent]:
    """Each partition as its name says; OPEN has a record before its open transaction."""
    kafka = sandbox.endpoints()["kafka"]
    topic = new_topic(kafka, f"markers-{time.time_ns()}")
    producer, hanging = transactional(kafka, topic), transactional(kafka, f"{topic}-hanging")
    send(producer, topic, COMMITTED, 3, producer.commit_transaction)
    send(producer, topic, ABORTED, 3, producer.abort_transaction)
    send(producer, topic, ABORTED_LAST, 2, producer.commit_transaction)
    send(producer, topic, ABORTED_LAST, 2, producer.abort_transaction)
    plain = KafkaProducer(bootstrap_servers=kafka)
    for partition in (PLAIN, OPEN):
        plain.send(topic, b"{}", partition=partition).get(30)
    plain.close()
    send(hanging, topic, OPEN, 2, lambda: None)
    yield Sent(topic, kafka, time.time_ns() // 1_000_000, hanging)
    producer.close()
    hanging.close()


def places(
    program: str, sent: Sent, passing: int, *settings: str, jars: Sequence[Path] = ()
) -> list[Place]:
    """Reads until the watermarks of so many partitions have passed the end of sending."""
    ended = java_program.run(
        program,
        *(sent.topic, str(PARTITIONS), str(sent.ended_ms), str(passing)),
        f"bootstrap.servers={sent.kafka}",
        "isolation.level=read_committed",
        *settings,
        first_in_class_path=jars,
    )
    assert ended.returncode == 0, ended.stderr
    return [Place(*map(int, line.split()[1:])) for line in ended.stdout.splitlines()]


class Job(NamedTuple):
    """A job's source, whose start is written down, and where its readers stood."""

    source: KafkaSource
    found: list[Place]


@pytest.fixture(scope="module")
def job(sandbox: Sandbox, sent: Sent) -> Job:
    """It has read and completed one checkpoint."""
    source = KafkaSource(sent.kafka, (sent.topic,), group=f"payments-{sent.topic}")
    starts = [OffsetRange(sent.topic, number, 0, 0) for number in range(PARTITIONS)]
    start_offsets.commit(source, starts)
    return Job(source, read_as_the_job(sent, source))


def read_as_the_job(sent: Sent, source: KafkaSource) -> list[Place]:
    settings = (f"group.id={source.group}", "auto.offset.reset=none", FRAMED)
    return places("WatchSource", sent, PARTITIONS - 1, *settings)


def assert_passes_markers_and_waits_for_an_open_transaction(sent: Sent, found: list[Place]) -> None:
    assert [each.next_offset for each in found] == [4, 4, 6, 1, 1, 0]
    assert found[ABORTED].elements == 0
    passed = [each.watermark_ms > sent.ended_ms for each in found]
    assert passed == [partition != OPEN for partition in range(PARTITIONS)], found


def test_watermark_follows_the_clock_behind_markers(sent: Sent, job: Job) -> None:
    assert_passes_markers_and_waits_for_an_open_transaction(sent, job.found)


def test_splittable_read_does_so_too(sent: Sent) -> None:
    found = places("WatchSplittable", sent, PARTITIONS - 1, EARLIEST)

    assert_passes_markers_and_waits_for_an_open_transaction(sent, found)


def test_records_wait_not_offsets_and_the_open_transaction_is_named(sent: Sent) -> None:
    records_end = {(sent.topic, number): end for number, end in enumerate((3, 0, 2, 1, 1, 0))}
    with topic_side.connected(Topics(sent.kafka, (sent.topic,))) as topic:
        ranges = topic.ranges()
        nothing_read = sum(topic.waiting(ranges, {}).values())
        all_read = sum(topic.waiting(ranges, records_end).values())
        found = topic.open_transactions()

    assert [span.end for span in ranges] == [4, 4, 6, 1, 1, 0]
    assert nothing_read == 3 + 0 + 2 + 1 + 1 + 2
    assert all_read == 2  # those of the open transaction
    [one] = found
    assert (one.topic, one.partition, one.offset, one.held_back) == (sent.topic, OPEN, 1, 2)
    assert one.producer_id == sent.hanging._transaction_manager.producer_id_and_epoch.producer_id
    assert abs(one.since.timestamp() * 1_000 - sent.ended_ms) < 60_000


def test_simulator_aborts_transactions_and_leaves_one_open(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Its ledger holds what was committed, at the offsets of that; a consumer sees the rest only
    when it reads what nobody has committed."""
    kafka = sandbox.endpoints()["kafka"]
    topic = new_topic(kafka, f"simulated-{time.time_ns()}", partitions=2)
    told = tmp_path / "ledger.jsonl"
    flags = ["--scenario=transactional", "--open_transaction_sec=3", "--rate_per_sec=0"]
    flags += [
        f"--kafka_bootstrap_servers={kafka}",
        f"--kafka_topics={topic}",
        f"--ledger={told}",
        "--count=620",
    ]
    simulator = threading.Thread(target=lambda: cli.main(flags))
    simulator.start()
    with topic_side.connected(Topics(kafka, (topic,))) as seen:
        opened = []
        while simulator.is_alive():
            seen.ranges()
            opened += seen.open_transactions()
        ranges = seen.ranges()
        places = [
            (span.partition, message.offset)
            for span in ranges
            for message in topic_side._messages(seen._committed, span)
        ]
        all_records = sum(topic_side._count(seen._everything, span) for span in ranges)

    assert sorted((each.partition, each.offset) for each in ledger.read(told)) == places
    assert len(places) == 620
    assert all_records > 620 + 50  # an aborted transaction, and the one left open
    assert any(each.age_sec > 1 and each.offset == 0 for each in opened)


def test_control_beams_own_source_stands_still(sent: Sent) -> None:
    found = places("WatchSource", sent, len((PLAIN, EMPTY)), EARLIEST, FRAMED, jars=ORIGINAL)

    assert [each.next_offset for each in found] == [3, 0, 2, 1, 1, 0]
    assert found[ABORTED].watermark_ms == NO_WATERMARK_MS
    for partition in (COMMITTED, ABORTED_LAST):
        assert found[partition].watermark_ms < sent.ended_ms


def test_control_beams_own_splittable_read_does_not_wait(sent: Sent) -> None:
    found = places("WatchSplittable", sent, PARTITIONS, EARLIEST, jars=ORIGINAL)

    assert found[OPEN].next_offset == 1
    assert found[OPEN].watermark_ms > sent.ended_ms


def notes(source: KafkaSource) -> list[tuple[int, str]]:
    committed = start_offsets._committed(source)
    return [(each.offset, each.metadata) for _, each in sorted(committed.items())]


def test_completed_checkpoints_say_where_the_records_end(sent: Sent, job: Job) -> None:
    source = job.source
    expected = [(4, 3), (4, 0), (6, 2), (1, 1), (1, 1), (0, 0)]
    told = [(offset, f"records_end={end}") for offset, end in expected]
    assert notes(source) == told

    again = read_as_the_job(sent, source)  # from there: the next reader has seen no record at all

    assert [each.elements for each in again] == [0] * PARTITIONS
    assert notes(source) == told


def test_start_goes_on_when_retention_has_passed_a_marker_and_refuses_lost_records(
    sent: Sent, job: Job
) -> None:
    source = job.source
    plain = KafkaProducer(bootstrap_servers=sent.kafka)
    for _ in range(2):  # which nobody reads before retention removes them
        plain.send(sent.topic, b"{}", partition=ABORTED_LAST).get(30)
    plain.close()
    admin = KafkaAdminClient(bootstrap_servers=sent.kafka)
    ends = {TopicPartition(sent.topic, COMMITTED): 4, TopicPartition(sent.topic, ABORTED_LAST): 8}
    admin.delete_records(ends)
    admin.close()
    with topic_records.connected(source) as topic:
        now = topic.ranges()
    assert [span.start for span in now] == [4, 0, 8, 0, 0, 0]

    def check(partition: int, end: int, with_state: bool) -> None:
        held = {(sent.topic, partition): Held(1, end)}
        read = start_offsets.behind_markers(source, held, with_state=with_state)
        check_nothing_lost(now, read)

    check(COMMITTED, 3, with_state=True)
    check(COMMITTED, 3, with_state=False)
    check(COMMITTED, 2, with_state=True)  # its flush is still to come
    with pytest.raises(CannotStart, match=r"\[0\] offsets 2 to 3 \(2\)"):
        check(COMMITTED, 2, with_state=False)
    for with_state in (True, False):
        with pytest.raises(CannotStart, match=r"\[2\] offsets 6 to 7 \(2\)"):
            check(ABORTED_LAST, 2, with_state=with_state)

"""A copy of a topic holds each record once, whoever is killed meanwhile, and is counted exactly."""

from __future__ import annotations

import subprocess
import sys
import time

import orjson
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition

from harness.e2e_run import PARTITIONS, E2ERun
from operations.topic import copy
from tests.support.payments import payload
from transforms.codecs import wire_format
from transforms.payment import replay
from transforms.payment.outcome import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RECORDS = 12_000


@pytest.fixture
def source(e2e_run: E2ERun) -> str:
    """A topic with its producers' times, without bounds, from 1970."""
    name = f"{e2e_run.topic}_theirs"
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    admin.close()
    return name


def send(e2e_run: E2ERun, topic: str, count: int, begin: int = 0) -> None:
    now = wire_format.event_time_text(time.time_ns() // 1_000)
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"], acks="all")
    for number in range(begin, begin + count):
        producer.send(
            topic,
            payload(transaction_id=f"tx-{number}", event_time=now),
            key=b"k%d" % number,
            partition=number % PARTITIONS,
            headers=[("theirs", b"%d" % number), (replay.HEADER, b"?")][: 1 + (number == 7)],
            timestamp_ms=1_000,
        )
    producer.close()


def command(e2e_run: E2ERun, source: str, *flags: str) -> list[str]:
    servers = f"--kafka_bootstrap_servers={e2e_run.endpoints['kafka']}"
    words = [sys.executable, "-m", "payments", "topic", "copy", servers]
    return [*words, f"--from={source}", f"--to={e2e_run.topic}", *flags]


def copied(e2e_run: E2ERun) -> list:
    """Returns the committed records of the copy."""
    consumer = KafkaConsumer(
        bootstrap_servers=e2e_run.endpoints["kafka"],
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    pairs = [TopicPartition(e2e_run.topic, number) for number in range(PARTITIONS)]
    consumer.assign(pairs)
    ends, found = consumer.end_offsets(pairs), []
    while any(consumer.position(pair) < ends[pair] for pair in pairs):
        for batch in consumer.poll(1_000).values():
            found += batch
    consumer.close()
    return found


def test_copier_that_is_killed_neither_doubles_nor_loses(e2e_run: E2ERun, source: str) -> None:
    send(e2e_run, source, RECORDS)
    for _ in range(2):
        copier = subprocess.Popen(command(e2e_run, source))
        before = len(copied(e2e_run))
        deadline = time.monotonic() + 60
        while len(copied(e2e_run)) <= before and time.monotonic() < deadline:
            pass
        copier.kill()  # amid its work
        copier.wait()
    partial = len(copied(e2e_run))
    assert 0 < partial < RECORDS, "killed too late: RECORDS must be more"

    subprocess.run(command(e2e_run, source, "--once"), check=True, timeout=240)

    found = copied(e2e_run)
    assert sorted(int(each.key[1:]) for each in found) == list(range(RECORDS))
    for each in found:
        number = int(each.key[1:])
        *theirs, (name, origin) = each.headers
        assert theirs[0] == ("theirs", b"%d" % number)
        assert (name, each.timestamp_type) == (copy.ORIGIN_HEADER, 1)
        assert orjson.loads(origin) == {
            "topic": source,
            "partition": each.partition,
            "offset": number // PARTITIONS,
            "timestamp_ms": 1_000,
        }
    for partition in range(PARTITIONS):
        order = [int(each.key[1:]) for each in found if each.partition == partition]
        assert order == sorted(order)


def test_second_copier_takes_over_from_the_first(e2e_run: E2ERun, source: str) -> None:
    send(e2e_run, source, 10)
    first = subprocess.Popen(command(e2e_run, source), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(copied(e2e_run)) < 10 and time.monotonic() < deadline:
        time.sleep(0.2)

    subprocess.run(command(e2e_run, source, "--once"), check=True, timeout=120)
    send(e2e_run, source, 10, begin=10)
    _, said = first.communicate(timeout=120)

    assert first.returncode == 3
    assert "another copy of" in said
    subprocess.run(command(e2e_run, source, "--once"), check=True, timeout=120)
    assert sorted(int(each.key[1:]) for each in copied(e2e_run)) == list(range(20))


def test_copy_of_a_topic_without_arrival_times_is_counted(e2e_run: E2ERun, source: str) -> None:
    send(e2e_run, source, 50)
    subprocess.run(command(e2e_run, source, "--once"), check=True, timeout=120)
    e2e_run.run_direct()

    report = e2e_run.reconcile(wait_sec=60, by_ledger=False)
    assert report.balanced, report.text()
    assert report.counts.outcomes[Outcome.ACCEPTED] == 49  # one more has a header that is none
    assert report.counts.outcomes[Outcome.INVALID] == 1


def test_copy_into_a_topic_with_producers_times_is_refused(e2e_run: E2ERun, source: str) -> None:
    done = subprocess.run(
        [*command(e2e_run, source, "--once"), f"--to={source}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3
    assert "must have message.timestamp.type=LogAppendTime, got CreateTime" in done.stderr

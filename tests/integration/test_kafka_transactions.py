"""A producer's aborted transaction was never sent: not counted, and no hole in the books."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from harness.rehearsal import Rehearsal
from pipeline import clients
from pipeline.reconcile import reconcile
from pipeline.reconciliation.settings import Dataset, ReconcileConfig, Topics
from tests.support.payments import payload
from transforms.contract import wire_format

pytestmark = pytest.mark.integration

COMMITTED = ("first-1", "first-2", "after-1", "after-2")
ABORTED = ("aborted-1", "aborted-2", "aborted-3")
ABORTED_ALONE = ("alone-1", "alone-2")
OPEN = ("open-1", "open-2")


@pytest.fixture
def producer(rehearsal: Rehearsal) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(
        bootstrap_servers=rehearsal.endpoints["kafka"],
        transactional_id=rehearsal.name,
        acks="all",
        enable_idempotence=True,
    )
    producer.init_transactions()
    yield producer
    producer.close()


@pytest.fixture
def topic(rehearsal: Rehearsal, producer: KafkaProducer) -> str:
    """Partition 0: two committed, three aborted, two committed, each with its marker behind it.

    Partition 1: nothing but what was aborted.
    """
    name = rehearsal.topic
    send(producer, name, 0, COMMITTED[:2], producer.commit_transaction)
    send(producer, name, 0, ABORTED, producer.abort_transaction)
    send(producer, name, 0, COMMITTED[2:], producer.commit_transaction)
    send(producer, name, 1, ABORTED_ALONE, producer.abort_transaction)
    return name


def send(
    producer: KafkaProducer,
    topic: str,
    partition: int,
    ids: Sequence[str],
    end: Callable[[], None] = lambda: None,
) -> None:
    """Sends payments in one transaction; `end` commits or aborts it."""
    now = wire_format.event_time_text(time.time_ns() // 1_000)
    producer.begin_transaction()
    for each in ids:
        sent = producer.send(
            topic, payload(transaction_id=each, event_time=now), partition=partition
        )
        sent.get(30)
    end()


def assert_committed_alone(rehearsal: Rehearsal, wait_sec: float) -> None:
    endpoints = rehearsal.endpoints
    dataset = Dataset(endpoints["project"], rehearsal.name, endpoints["bigquery"])
    topics = Topics(endpoints["kafka"], (rehearsal.topic,))
    report = reconcile(ReconcileConfig(topics, dataset, wait_sec=wait_sec))
    assert report.balanced, report.text()
    assert (report.counts.read, report.missing, report.double) == (len(COMMITTED), 0, 0)
    client = clients.bigquery_client(endpoints["project"], endpoints["bigquery"])
    rows = client.query(
        "SELECT transaction_id, kafka_offset FROM "
        f"`{endpoints['project']}.{rehearsal.name}.transactions` ORDER BY kafka_offset"
    ).result()
    # The offsets between are taken: by markers (2, 6) and by what was aborted (3 to 5).
    assert [tuple(row) for row in rows] == list(zip(COMMITTED, (0, 1, 7, 8), strict=True))


def test_direct_runner_counts_only_what_was_committed(
    rehearsal: Rehearsal, topic: str, producer: KafkaProducer
) -> None:
    """A transaction that is open while the pipeline reads holds it up as little as its markers."""
    send(producer, topic, 2, OPEN)
    try:
        rehearsal.run_direct()
    finally:
        producer.abort_transaction()

    assert_committed_alone(rehearsal, wait_sec=0)


def test_flink_counts_only_what_was_committed(
    rehearsal: Rehearsal, topic: str, producer: KafkaProducer
) -> None:
    rehearsal.submit_to_flink()

    assert_committed_alone(rehearsal, wait_sec=120)


def test_control_other_isolation_sees_what_was_aborted(rehearsal: Rehearsal, topic: str) -> None:
    consumer = KafkaConsumer(
        bootstrap_servers=rehearsal.endpoints["kafka"],
        isolation_level="read_uncommitted",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    found: list[bytes] = []
    while consumer.position(partition) < consumer.end_offsets([partition])[partition]:
        for messages in consumer.poll(timeout_ms=1_000).values():
            found += [message.value for message in messages]
    consumer.close()

    seen = [each for each in ABORTED if any(each.encode() in value for value in found)]
    assert seen == list(ABORTED)

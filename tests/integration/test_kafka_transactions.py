"""A producer's aborted transaction was never sent: not counted, and no hole in the books."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from harness.rehearsal import Rehearsal
from pipeline import clients, health
from pipeline.reconcile import reconcile
from pipeline.reconciliation.settings import Dataset, ReconcileConfig, Topics
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox
from tests.integration.sandbox_clients import wait_until
from tests.integration.test_start_from_tables import delete_records
from tests.support.health import probe
from tests.support.payments import payload
from transforms.contract import wire_format

pytestmark = pytest.mark.integration

COMMITTED = ("first-1", "first-2", "after-1", "after-2")
ABORTED = ("aborted-1", "aborted-2", "aborted-3")
ABORTED_ALONE = ("alone-1", "alone-2")
OPEN = ("open-1", "open-2")
LATER, LAST = ("later-1",), ("last-1",)


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
    # The offsets between are taken: by markers (2, 6) and by what was aborted (3 to 5).
    assert rows(rehearsal) == list(zip(COMMITTED, (0, 1, 7, 8), strict=True))


def rows(rehearsal: Rehearsal) -> list[tuple[str, int]]:
    endpoints = rehearsal.endpoints
    client = clients.bigquery_client(endpoints["project"], endpoints["bigquery"])
    found = client.query(
        "SELECT transaction_id, kafka_offset FROM "
        f"`{endpoints['project']}.{rehearsal.name}.transactions` ORDER BY kafka_offset"
    ).result()
    return [tuple(row) for row in found]


def committed(rehearsal: Rehearsal, partition: int) -> int:
    """Returns how far completed checkpoints have read, as the job's consumer group says."""
    endpoints = rehearsal.endpoints
    group = f"payments-{endpoints['project']}.{rehearsal.name}"
    admin = clients.kafka_admin(endpoints["kafka"], {})
    [offsets] = admin.list_group_offsets([group]).values()
    admin.close()
    return int(offsets[TopicPartition(rehearsal.topic, partition)].offset)


def end_of(rehearsal: Rehearsal, partition: int) -> int:
    pair = TopicPartition(rehearsal.topic, partition)
    consumer = clients.kafka_consumer(rehearsal.endpoints["kafka"], {})
    end = int(consumer.end_offsets([pair])[pair])
    consumer.close()
    return end


def counted(rehearsal: Rehearsal) -> list[str]:
    return [transaction_id for transaction_id, _ in rows(rehearsal)]


def assert_health_names_the_open_transaction(
    rehearsal: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    flags = [*rehearsal.flags(), "--json", "--open_transaction_sec_max=0"]
    assert health.main(flags) == health.EXIT_UNWELL
    vitals = {each["name"]: each for each in json.loads(capsys.readouterr().out)["vitals"]}
    assert vitals["lag_records"]["value"] == len(OPEN)
    told = vitals["open_transaction_sec"]["meaning"]
    assert f"{rehearsal.topic}[2] offset 0, producer id " in told


def test_direct_runner_counts_only_what_was_committed(
    rehearsal: Rehearsal,
    topic: str,
    producer: KafkaProducer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A transaction that is open while the pipeline reads holds it up as little as its markers.

    Health counts what it holds back, and names it.
    """
    send(producer, topic, 2, OPEN)
    try:
        rehearsal.run_direct()
        assert_health_names_the_open_transaction(rehearsal, capsys)
    finally:
        producer.abort_transaction()

    assert_committed_alone(rehearsal, wait_sec=0)


def test_start_from_tables_goes_on_when_retention_has_passed_the_markers(
    rehearsal: Rehearsal, topic: str, producer: KafkaProducer, tmp_path: Path
) -> None:
    rehearsal.run_direct()
    delete_records(rehearsal, partition=0)
    send(producer, topic, 0, LATER, producer.commit_transaction)

    rehearsal.run_direct([f"--start_from_tables={tmp_path}"])

    assert counted(rehearsal) == [*COMMITTED, *LATER]


def test_flink_counts_only_what_was_committed(
    sandbox: Sandbox,
    rehearsal: Rehearsal,
    topic: str,
    producer: KafkaProducer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Then all is quiet. Retention passes the markers: the job goes on, and its savepoint too."""
    job = rehearsal.submit_to_flink()
    assert_committed_alone(rehearsal, wait_sec=120)
    code, vitals = probe(rehearsal, job, capsys, "--wait_sec=120")
    assert code == health.EXIT_WELL, [each for each in vitals.values() if not each["healthy"]]
    assert vitals["lag_records"]["value"] == 0
    assert vitals["watermark_age_sec"]["value"] < 60

    rehearsal.flink.wait_for_checkpoint(job, 120)
    for partition in (0, 1):
        delete_records(rehearsal, partition)
    for name in TASK_MANAGERS:
        sandbox.kill(name)
    send(producer, topic, 0, LATER, producer.commit_transaction)
    wait_until(lambda: counted(rehearsal) == [*COMMITTED, *LATER])
    # The savepoint alone may know that the last offset was a marker: a launcher reads the group's.
    wait_until(lambda: committed(rehearsal, partition=0) == end_of(rehearsal, partition=0))

    savepoint = rehearsal.flink.stop_with_savepoint(job, 120)
    delete_records(rehearsal, partition=0)
    send(producer, topic, 0, LAST, producer.commit_transaction)
    job = rehearsal.submit_to_flink([f"--savepoint_path={savepoint}"])
    wait_until(lambda: counted(rehearsal) == [*COMMITTED, *LATER, *LAST])
    assert rehearsal.flink.newest_failure(job) == ""


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

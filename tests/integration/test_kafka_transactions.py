"""A producer's aborted transaction was never sent: not counted, and no hole in the books."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from harness.e2e_run import E2ERun
from operations import bigquery_client, kafka_client
from operations.health import command as health
from operations.reconcile.command import reconcile
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from payments import exit_codes
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox
from tests.integration.sandbox_clients import wait_until
from tests.integration.test_start_from_tables import delete_records
from tests.support.health import probe
from tests.support.payments import payload
from transforms.codecs import wire_format

pytestmark = pytest.mark.integration

COMMITTED = ("first-1", "first-2", "after-1", "after-2")
ABORTED = ("aborted-1", "aborted-2", "aborted-3")
ABORTED_ALONE = ("alone-1", "alone-2")
OPEN = ("open-1", "open-2")
LATER, LAST = ("later-1",), ("last-1",)


@pytest.fixture
def producer(e2e_run: E2ERun) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(
        bootstrap_servers=e2e_run.endpoints["kafka"],
        transactional_id=e2e_run.name,
        acks="all",
        enable_idempotence=True,
    )
    producer.init_transactions()
    yield producer
    producer.close()


@pytest.fixture
def topic(e2e_run: E2ERun, producer: KafkaProducer) -> str:
    """Partition 0: two committed, three aborted, two committed, each with its marker behind it.

    Partition 1: nothing but what was aborted.
    """
    name = e2e_run.topic
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


def assert_committed_alone(e2e_run: E2ERun, wait_sec: float) -> None:
    endpoints = e2e_run.endpoints
    dataset = Dataset(endpoints["project"], e2e_run.name, endpoints["bigquery"])
    topics = Topics(endpoints["kafka"], (e2e_run.topic,))
    report = reconcile(ReconcileConfig(topics, dataset, wait_sec=wait_sec))
    assert report.balanced, report.text()
    assert (report.counts.read, report.missing, report.double) == (len(COMMITTED), 0, 0)
    # The offsets between are taken: by markers (2, 6) and by what was aborted (3 to 5).
    assert rows(e2e_run) == list(zip(COMMITTED, (0, 1, 7, 8), strict=True))


def rows(e2e_run: E2ERun) -> list[tuple[str, int]]:
    endpoints = e2e_run.endpoints
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    found = client.query(
        "SELECT transaction_id, kafka_offset FROM "
        f"`{endpoints['project']}.{e2e_run.name}.transactions` ORDER BY kafka_offset"
    ).result()
    return [tuple(row) for row in found]


def committed(e2e_run: E2ERun, partition: int) -> int:
    """Returns how far completed checkpoints have read, as the job's consumer group says."""
    endpoints = e2e_run.endpoints
    group = f"payments-{endpoints['project']}.{e2e_run.name}"
    admin = kafka_client.admin(endpoints["kafka"], {})
    [offsets] = admin.list_group_offsets([group]).values()
    admin.close()
    return int(offsets[TopicPartition(e2e_run.topic, partition)].offset)


def end_of(e2e_run: E2ERun, partition: int) -> int:
    pair = TopicPartition(e2e_run.topic, partition)
    consumer = kafka_client.consumer(e2e_run.endpoints["kafka"], {})
    end = int(consumer.end_offsets([pair])[pair])
    consumer.close()
    return end


def counted(e2e_run: E2ERun) -> list[str]:
    return [transaction_id for transaction_id, _ in rows(e2e_run)]


def assert_health_names_the_open_transaction(
    e2e_run: E2ERun, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    flags = [*e2e_run.flags(), "--json", "--open_transaction_sec_max=0"]
    assert health.main(flags) == exit_codes.FINDING
    indicators = {each["name"]: each for each in json.loads(capsys.readouterr().out)["indicators"]}
    assert indicators["lag_records"]["value"] == len(OPEN)
    told = indicators["open_transaction_sec"]["meaning"]
    assert f"{e2e_run.topic}[2] offset 0, producer id " in told


def test_direct_runner_counts_only_what_was_committed(
    e2e_run: E2ERun,
    topic: str,
    producer: KafkaProducer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A transaction that is open while the pipeline reads holds it up as little as its markers.

    Health counts what it holds back, and names it.
    """
    send(producer, topic, 2, OPEN)
    try:
        e2e_run.run_direct()
        assert_health_names_the_open_transaction(e2e_run, capsys)
    finally:
        producer.abort_transaction()

    assert_committed_alone(e2e_run, wait_sec=0)


def test_start_from_tables_goes_on_when_retention_has_passed_the_markers(
    e2e_run: E2ERun, topic: str, producer: KafkaProducer, tmp_path: Path
) -> None:
    e2e_run.run_direct()
    delete_records(e2e_run, partition=0)
    send(producer, topic, 0, LATER, producer.commit_transaction)

    e2e_run.run_direct([f"--start_from_tables={tmp_path}"])

    assert counted(e2e_run) == [*COMMITTED, *LATER]


def test_flink_counts_only_what_was_committed(
    sandbox: Sandbox,
    e2e_run: E2ERun,
    topic: str,
    producer: KafkaProducer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Then all is quiet. Retention passes the markers: the job continues, its savepoint too."""
    job = e2e_run.submit_to_flink()
    assert_committed_alone(e2e_run, wait_sec=120)
    code, indicators = probe(e2e_run, job, capsys, "--wait_sec=120")
    assert code == exit_codes.WELL, [each for each in indicators.values() if not each["healthy"]]
    assert indicators["lag_records"]["value"] == 0
    assert indicators["watermark_age_sec"]["value"] < 60

    e2e_run.flink.wait_for_checkpoint(job, 120)
    for partition in (0, 1):
        delete_records(e2e_run, partition)
    for name in TASK_MANAGERS:
        sandbox.kill(name)
    send(producer, topic, 0, LATER, producer.commit_transaction)
    wait_until(lambda: counted(e2e_run) == [*COMMITTED, *LATER])
    # The savepoint alone may know that the last offset was a marker: a launcher reads the group's.
    wait_until(lambda: committed(e2e_run, partition=0) == end_of(e2e_run, partition=0))

    savepoint = e2e_run.flink.stop_with_savepoint(job, 120)
    delete_records(e2e_run, partition=0)
    send(producer, topic, 0, LAST, producer.commit_transaction)
    job = e2e_run.submit_to_flink([f"--savepoint_path={savepoint}"])
    wait_until(lambda: counted(e2e_run) == [*COMMITTED, *LATER, *LAST])
    assert e2e_run.flink.newest_failure(job) == ""


def test_control_other_isolation_sees_what_was_aborted(e2e_run: E2ERun, topic: str) -> None:
    consumer = KafkaConsumer(
        bootstrap_servers=e2e_run.endpoints["kafka"],
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

"""The state of a job is lost: the next one resumes with what the tables hold, exactly."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition

from harness.e2e_run import E2ERun
from operations import bigquery_client
from tests.integration.test_end_to_end import MIX, assert_exact
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES

pytestmark = pytest.mark.integration

COPIES = 300


def launch(e2e_run: E2ERun, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline", "--runner=DirectRunner", *e2e_run.flags()]
    command.append(e2e_run.flink_flag)
    return subprocess.run([*command, *flags], capture_output=True, text=True, timeout=300)


def send_again(e2e_run: E2ERun) -> None:
    """Sends copies of the first records of every partition, each to the partition after it."""
    servers = e2e_run.endpoints["kafka"]
    consumer = KafkaConsumer(bootstrap_servers=servers)
    producer = KafkaProducer(bootstrap_servers=servers)
    numbers = sorted(consumer.partitions_for_topic(e2e_run.topic) or ())
    for number in numbers:
        pair = TopicPartition(e2e_run.topic, number)
        consumer.assign([pair])
        consumer.seek_to_beginning(pair)
        sent = 0
        while sent < COPIES // len(numbers):
            for message in consumer.poll(1_000).get(pair, [])[: COPIES // len(numbers) - sent]:
                producer.send(
                    e2e_run.topic,
                    message.value,
                    key=message.key,
                    partition=(number + 1) % len(numbers),
                )
                sent += 1
    producer.close()
    consumer.close()


def lose_rows(e2e_run: E2ERun, seed: int) -> int:
    """Takes a random half of the last rows out of every table: what a flush did not reach."""
    client = bigquery_client.connect("sandbox", e2e_run.endpoints["bigquery"])
    rng = random.Random(seed)
    lost = 0
    for table in OUTCOME_TABLES:
        name = f"`sandbox.{e2e_run.name}.{table.name}`"
        rows = client.query(
            f"SELECT kafka_partition, kafka_offset FROM {name} "
            "QUALIFY ROW_NUMBER() OVER (PARTITION BY kafka_partition "
            "ORDER BY kafka_offset DESC) <= 60"
        ).result()
        chosen = [(row[0], row[1]) for row in rows if rng.random() < 0.5]
        lost += len(chosen)
        if chosen:
            places = " OR ".join(
                f"(kafka_partition = {p} AND kafka_offset = {o})" for p, o in chosen
            )
            client.query(f"DELETE FROM {name} WHERE {places}").result()
    # The totals lag behind by panes, or run ahead of the payments.
    totals = f"`sandbox.{e2e_run.name}.totals_by_minute`"
    client.query(f"DELETE FROM {totals} WHERE currency = 'EUR'").result()
    return lost


def counted_once(e2e_run: E2ERun, wait_sec: float = 0) -> None:
    """Compared with Kafka itself: no ledger knows of the records that were sent by hand."""
    report = e2e_run.reconcile(wait_sec, by_ledger=False)
    assert_exact(report)
    assert all(
        report.counts.outcomes[outcome] > 0 for outcome in set(Outcome) - {Outcome.SKIPPED}
    ), report.text()


def delete_records(e2e_run: E2ERun, partition: int) -> int:
    """Does what retention does: removes all records of a partition; returns where it ends."""
    pair = TopicPartition(e2e_run.topic, partition)
    consumer = KafkaConsumer(bootstrap_servers=e2e_run.endpoints["kafka"])
    end = int(consumer.end_offsets([pair])[pair])
    consumer.close()
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    admin.delete_records({pair: end})
    admin.close()
    return end


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """Returns the one line that a user is told."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture
def counted(e2e_run: E2ERun) -> E2ERun:
    """A topic that a job has counted in part, whose state is gone: DirectRunner keeps none."""
    e2e_run.simulate(["--rate_per_sec=0", "--count=2000", "--seed=1", *MIX]).wait(60)
    e2e_run.run_direct()
    e2e_run.simulate(["--rate_per_sec=0", "--count=1000", "--seed=2", *MIX], part=".2").wait(60)
    return e2e_run


def test_new_job_is_refused_and_the_control_counts_everything_twice(counted: E2ERun) -> None:
    refused = error_of(launch(counted))
    assert "2000 records" in refused
    assert "--start_from_tables=FOLDER" in refused

    control = launch(counted, "--no_preflight")
    assert control.returncode == 0, control.stderr
    assert counted.reconcile(wait_sec=0).double > 1_900


def test_goes_on_where_the_tables_end_and_completes_what_no_flush_reached(
    counted: E2ERun, tmp_path: Path
) -> None:
    send_again(counted)  # their ids must be remembered, though nothing has a state
    assert lose_rows(counted, seed=1) > 100
    damaged = counted.reconcile(wait_sec=0, by_ledger=False)
    assert {"missing", "totals by minute"} <= set(damaged.failed()), damaged.text()

    for _ in range(2):  # the second finds nothing left to do
        done = launch(counted, f"--start_from_tables={tmp_path}")
        assert done.returncode == 0, done.stderr
        counted_once(counted)


def test_offsets_that_are_lost_are_named(counted: E2ERun, tmp_path: Path) -> None:
    end = delete_records(counted, partition=0)

    lost = error_of(launch(counted, f"--start_from_tables={tmp_path}"))

    assert lost.startswith(f"error: lost: {counted.topic}[0] offsets")
    assert f"to {end - 1} " in lost

"""Mistakes in the surroundings are told before anything is submitted, in one clear line."""

import subprocess
import sys
import time

import pytest
from google.cloud import bigquery
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from harness.e2e_run import E2ERun
from operations import bigquery_client

pytestmark = pytest.mark.integration


def launch(e2e_run: E2ERun, *changes: str) -> subprocess.CompletedProcess[str]:
    """Runs the pipeline with the run's flags; a later flag wins over an earlier one."""
    flags = ["--runner=DirectRunner", *e2e_run.flags(), *changes]
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *flags], capture_output=True, text=True, timeout=120
    )


def assert_told(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    for word in words:
        assert word in errors[0]


def test_missing_topic_is_named(e2e_run: E2ERun) -> None:
    assert_told(launch(e2e_run, "--kafka_topics=nowhere"), "'nowhere'", "does not exist")


def test_topic_with_producer_timestamps_is_refused(e2e_run: E2ERun) -> None:
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    name = f"{e2e_run.name}_create_time"
    admin.create_topics([NewTopic(name=name, num_partitions=1, replication_factor=1)])
    admin.close()

    assert_told(launch(e2e_run, f"--kafka_topics={name}"), name, "LogAppendTime", "CreateTime")


def test_compacted_topic_is_refused(e2e_run: E2ERun) -> None:
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    name = f"{e2e_run.name}_compacted"
    settings = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "compact,delete"}
    admin.create_topics([NewTopic(name, 1, 1, topic_configs=settings)])
    admin.close()

    told = ("must not be compacted", "got cleanup.policy=compact,delete", "Hint: ")
    assert_told(launch(e2e_run, f"--kafka_topics={name}"), name, *told)


def test_missing_tables_are_named_with_the_command_that_makes_them(e2e_run: E2ERun) -> None:
    done = launch(e2e_run, "--bigquery_dataset=sandbox.nothing_here")

    assert_told(done, "nothing_here.transactions is missing", "payments tables create")


def test_column_of_another_type_is_named(e2e_run: E2ERun) -> None:
    client = bigquery_client.connect("sandbox", e2e_run.endpoints["bigquery"])
    table = client.get_table(f"sandbox.{e2e_run.name}.transactions")
    client.delete_table(table)
    schema = [
        bigquery.SchemaField("amount", "FLOAT", mode="REQUIRED") if f.name == "amount" else f
        for f in table.schema
    ]
    client.create_table(bigquery.Table(table.reference, schema))

    assert_told(launch(e2e_run), "column amount must be NUMERIC REQUIRED", "FLOAT")


def test_dead_broker_is_named_within_30_seconds(e2e_run: E2ERun) -> None:
    started_at = time.monotonic()

    done = launch(e2e_run, "--kafka_bootstrap_servers=127.0.0.1:9")

    assert_told(done, "127.0.0.1:9", "no Kafka broker answers")
    assert time.monotonic() - started_at < 30


def test_dead_expansion_service_is_named(e2e_run: E2ERun) -> None:
    done = launch(e2e_run, "--expansion_service=127.0.0.1:9")

    assert_told(done, "--expansion_service", "127.0.0.1:9")

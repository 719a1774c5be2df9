"""A topic that was altered to LogAppendTime keeps old records with their producer's time."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from harness.e2e_run import E2ERun
from sandbox.endpoints import pipeline_flags
from tests.support.payments import payload
from transforms.codecs import wire_format

pytestmark = pytest.mark.integration


def set_type(e2e_run: E2ERun, kind: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    wanted = {"message.timestamp.type": kind}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, e2e_run.topic, wanted)])
    admin.close()


def send(e2e_run: E2ERun, count: int) -> None:
    now = wire_format.event_time_text(time.time_ns() // 1_000)
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"], acks="all")
    for each in range(count):
        producer.send(
            e2e_run.topic, payload(transaction_id=f"{count}-{each}", event_time=now), partition=0
        )
    producer.close()


@pytest.fixture
def altered(e2e_run: E2ERun) -> E2ERun:
    """Ten records with their producer's time, then eleven with arrival time."""
    set_type(e2e_run, "CreateTime")
    send(e2e_run, 10)
    set_type(e2e_run, "LogAppendTime")
    send(e2e_run, 11)
    return e2e_run


def error_of(e2e_run: E2ERun, *flags: str) -> str:
    command = [sys.executable, "-m", "pipeline", *e2e_run.flags(), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def test_start_is_refused_with_the_offset_from_which_the_topic_is_clean(
    altered: E2ERun,
) -> None:
    told = error_of(altered, "--runner=DirectRunner")

    assert f"clean are {altered.topic}[0] from offset 10." in told
    assert "Hint: " in told


def test_direct_runner_that_meets_one_stops_with_one_line_and_reconcile_sees_it(
    altered: E2ERun,
) -> None:
    told = error_of(altered, "--runner=DirectRunner", "--no_preflight")

    assert told.startswith(f"error: {altered.topic}[0] offset 0 carries its producer's time")
    report = altered.reconcile(wait_sec=0, by_ledger=False)
    assert "arrival" in report.failed()
    assert f"arrival: {altered.topic}[0]@0 carries its producer's time" in report.problems


def test_flink_that_meets_one_stops_for_good_with_one_line(altered: E2ERun) -> None:
    flags = pipeline_flags(altered.endpoints)

    told = error_of(altered, "--runner=FlinkRunner", "--parallelism=2", "--no_preflight", *flags)

    assert told.startswith(f"error: {altered.topic}[0] offset 0 carries its producer's time")
    assert altered.flink.live_jobs() == []

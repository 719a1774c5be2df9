"""A topic with its producers' times, within bounds that a real broker enforces (KIP-937)."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from harness.e2e_run import PARTITIONS, E2ERun
from harness.errors import HarnessError
from operations.runs.runs_table import RunsTable
from tests.support import java_program
from tests.support.payments import payload
from transforms.codecs import wire_format
from transforms.kafka import topic_times
from transforms.payment.outcome import Outcome
from transforms.read_kafka import SLACK_SETTING

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900), java_program.needs_jars]

BEFORE_SEC, AFTER_SEC = 600, 60
SLACK_SEC = BEFORE_SEC + AFTER_SEC
_MOMENT_SEC = 180


@pytest.fixture
def bounded(e2e_run: E2ERun) -> E2ERun:
    """A topic of its own, with bounds."""
    name = f"{e2e_run.name[-50:]}_b"
    made = E2ERun(
        name, e2e_run.endpoints, e2e_run.folder, bounds_ms=(BEFORE_SEC * 1_000, AFTER_SEC * 1_000)
    )
    made.prepare()
    return made


def send(e2e_run: E2ERun, ids: list[str], off_sec: float = 0, partition: int = 0) -> list[int]:
    """Sends payments that happened when their producer says that it is; returns their offsets."""
    now_ms = time.time_ns() // 1_000_000 + round(off_sec * 1_000)
    happened = wire_format.event_time_text(now_ms * 1_000)
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"], acks="all")
    try:
        sent = [
            producer.send(
                e2e_run.topic,
                payload(transaction_id=id_, event_time=happened),
                partition=partition,
                timestamp_ms=now_ms,
            )
            for id_ in ids
        ]
        return [future.get(timeout=60).offset for future in sent]
    finally:
        producer.close()


def alter(e2e_run: E2ERun, **changed: str) -> None:
    settings = {**e2e_run.topic_settings, **changed}
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, e2e_run.topic, settings)])
    admin.close()


@pytest.mark.parametrize("off_sec", [-BEFORE_SEC - 30, AFTER_SEC + 30])
def test_broker_refuses_a_time_out_of_bounds(bounded: E2ERun, off_sec: int) -> None:
    """The argument of docs/guarantee.md rests on it."""
    with pytest.raises(KafkaError, match=r"(?i)timestamp"):
        send(bounded, ["a"], off_sec)
    assert send(bounded, ["a"], off_sec / 1.5) == [0]


def test_topic_is_counted_exactly_whatever_clocks_say(bounded: E2ERun) -> None:
    first = [f"tx-{n}" for n in range(40)]
    send(bounded, first, -500)
    send(bounded, ["tx-41"], 50)
    send(bounded, ["tx-42"], -590, partition=1)  # older than what was read before it
    bounded.run_direct()

    report = bounded.reconcile(wait_sec=60, by_ledger=False)
    assert report.balanced, report.text()
    assert report.counts.outcomes[Outcome.ACCEPTED] == 42, report.text()
    dataset = f"{bounded.endpoints['project']}.{bounded.name}"
    run = RunsTable(dataset, bounded.endpoints["bigquery"]).rows_if_any()[-1]
    assert (run.arrival, run.arrival_slack_sec) == ("bounded_create_time", SLACK_SEC)


def test_topic_without_bounds_is_refused_with_the_ways(e2e_run: E2ERun) -> None:
    alter(e2e_run, **{topic_times.TYPE: "CreateTime"})

    by_broker = e2e_run.refused()
    by_producers = e2e_run.refused(["--arrival=bounded_create_time"])

    assert "LogAppendTime, got CreateTime" in by_broker
    # The broker's default bounds one side only.
    assert f"must have {topic_times.BEFORE} with arrival: bounded_create_time" in by_producers
    for way in ("LogAppendTime", "payments topic copy"):
        assert way in by_broker
        assert way in by_producers


def test_other_times_in_such_a_topic_stop_the_start(bounded: E2ERun) -> None:
    alter(bounded, **{topic_times.TYPE: "LogAppendTime"})
    send(bounded, ["a", "b"])
    alter(bounded)
    send(bounded, ["c"])

    told = bounded.refused()

    assert "records carry the broker's time (LogAppendTime)" in told
    assert f"clean are {bounded.topic}[0] from offset 2." in told


@pytest.mark.parametrize("program", ["WatchSource", "WatchSplittable"])
def test_watermark_of_quiet_and_empty_partitions_follows_the_clock(
    bounded: E2ERun, program: str
) -> None:
    send(bounded, ["a"], AFTER_SEC - 5)
    send(bounded, ["b"], -BEFORE_SEC + 30)
    send(bounded, ["c"], 0, partition=1)
    # Further than any record brings it: the newest is 55 s ahead.
    until_ms = time.time_ns() // 1_000_000 - SLACK_SEC * 1_000 + 3_000

    found = watch(bounded, program, until_ms, count=PARTITIONS)

    now_ms = time.time_ns() // 1_000_000
    for partition, (elements, watermark_ms) in enumerate(found):
        assert elements == (2, 1, 0, 0)[partition]
        assert until_ms < watermark_ms
        ahead_ms = AFTER_SEC * 1_000 if partition == 0 else 0
        assert watermark_ms <= now_ms - SLACK_SEC * 1_000 + ahead_ms


@pytest.mark.parametrize("program", ["WatchSource", "WatchSplittable"])
def test_record_behind_the_watermark_ends_the_read(bounded: E2ERun, program: str) -> None:
    """The broker has not kept its bounds: they were set when the topic had records."""
    alter(bounded, **{topic_times.BEFORE: str(2**62)})
    send(bounded, ["a"])
    send(bounded, ["b"], -BEFORE_SEC - AFTER_SEC - 5)

    ended = run(bounded, program, 0, count=1)

    assert f"NoArrivalTime: {bounded.topic}[0] offset 1 has the time " in ended.stderr
    assert "Hint: " in ended.stderr


def watch(e2e_run: E2ERun, program: str, until_ms: int, count: int) -> list[tuple[int, int]]:
    """Returns for each partition how many records were read, and the watermark."""
    ended = run(e2e_run, program, until_ms, count)
    assert ended.returncode == 0, ended.stderr
    lines = sorted(list(map(int, line.split())) for line in ended.stdout.splitlines())
    return [(elements, watermark_ms) for _, elements, watermark_ms, _ in lines]


def run(e2e_run: E2ERun, program: str, until_ms: int, count: int):
    settings = [
        f"bootstrap.servers={e2e_run.endpoints['kafka']}",
        "isolation.level=read_committed",
        "auto.offset.reset=earliest",
        "enable.auto.commit=false",
        f"{SLACK_SETTING}={SLACK_SEC * 1_000}",
    ]
    return java_program.run(
        program, e2e_run.topic, str(PARTITIONS), str(until_ms), str(count), *settings
    )


def test_bounds_that_are_widened_stop_the_job_and_the_next_launch(bounded: E2ERun) -> None:
    send(bounded, ["a", "b"])
    job = bounded.submit_to_flink()
    report = bounded.reconcile(wait_sec=_MOMENT_SEC, by_ledger=False)
    assert report.balanced, report.text()

    alter(bounded, **{topic_times.BEFORE: str(7 * 86_400_000)})
    send(bounded, ["c"], -2 * BEFORE_SEC)

    assert_stopped(bounded, job, ("NoArrivalTime", "BoundsChanged"))
    checkpoints = Path(bounded.endpoints["checkpoints"]) / job
    said = bounded.refused([f"--resume={checkpoints}"])
    assert "bounds of producers' times are wider" in said
    assert json.dumps(SLACK_SEC) in said


def assert_stopped(e2e_run: E2ERun, job: str, errors: tuple[str, ...]) -> None:
    deadline = time.monotonic() + _MOMENT_SEC
    while time.monotonic() < deadline:
        failure = e2e_run.flink.newest_failure(job)
        if e2e_run.flink.jobs()[job] == "FAILED" and any(each in failure for each in errors):
            return
        time.sleep(0.5)
    raise HarnessError(f"the job was not stopped: {e2e_run.flink.describe(job)}")

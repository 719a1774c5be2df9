"""Every program reads every compression codec that Kafka holds: a topic for each."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from harness.e2e_run import E2ERun
from operations.dead_letters import topic as replay_topic
from operations.reconcile.command import reconcile
from operations.reconcile.report import Report
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from operations.reconcile.truth import Place
from tests.engines.engines import rows_of
from tests.support import raw_records
from tests.support.payments import payload
from transforms.codecs import wire_format

pytestmark = pytest.mark.integration

CODECS = ("gzip", "snappy", "lz4", "zstd")
COUNT = 20


@pytest.fixture
def topics(e2e_run: E2ERun) -> tuple[str, ...]:
    """Topics whose broker compresses anew, whatever a producer did."""
    names = {codec: f"{e2e_run.topic}_{codec}" for codec in CODECS}
    admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
    settings = {"message.timestamp.type": "LogAppendTime"}
    admin.create_topics(
        [
            NewTopic(name, 1, 1, topic_configs={**settings, "compression.type": codec})
            for codec, name in names.items()
        ]
    )
    admin.close()
    return tuple(names.values())


def send(e2e_run: E2ERun, topics: tuple[str, ...], part: int) -> None:
    now = wire_format.event_time_text(time.time_ns() // 1_000)
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"], acks="all")
    for topic in topics:
        for each in range(COUNT):
            sent_id = f"{topic[-6:]}-{part}-{each}"
            producer.send(topic, payload(transaction_id=sent_id, event_time=now))
        producer.send(topic, payload(transaction_id=f"{topic[-6:]}-1-0", event_time=now))  # a copy
    producer.close()


def run(e2e_run: E2ERun, topics: tuple[str, ...], *flags: str) -> None:
    command = [sys.executable, "-m", "pipeline", "--runner=DirectRunner", *e2e_run.flags()]
    command += [f"--kafka_topics={','.join(topics)}", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def reconciled(e2e_run: E2ERun, topics: tuple[str, ...]) -> Report:
    endpoints = e2e_run.endpoints
    dataset = Dataset(endpoints["project"], e2e_run.name, endpoints["bigquery"])
    return reconcile(ReconcileConfig(Topics(endpoints["kafka"], topics), dataset))


def test_every_program_reads_every_codec(
    e2e_run: E2ERun, topics: tuple[str, ...], tmp_path: Path
) -> None:
    for part, flag in ((1, ()), (2, (f"--start_from_tables={tmp_path}",))):
        send(e2e_run, topics, part)
        run(e2e_run, topics, *flag)

        report = reconciled(e2e_run, topics)
        assert report.balanced, report.text()
        assert report.counts.read == part * (COUNT + 1) * len(CODECS)

    with replay_topic.connected(Topics(e2e_run.endpoints["kafka"], topics)) as reader:
        for topic in topics:
            record = reader.record_at(Place(topic, 0, COUNT + 1))
            assert record is not None
            assert f"{topic[-6:]}-2-0".encode() in (record.payload or b"")


def test_odd_records_stop_no_program_and_are_the_same_to_each(
    e2e_run: E2ERun, tmp_path: Path
) -> None:
    servers = e2e_run.endpoints["kafka"]
    admin = KafkaAdminClient(bootstrap_servers=servers)
    larger = {"max.message.bytes": "3000000"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, e2e_run.topic, larger)])
    admin.close()
    raw_records.send(servers, e2e_run.topic, raw_records.ODD)
    on_flink = E2ERun(f"{e2e_run.name}_flink", e2e_run.endpoints, tmp_path, e2e_run)
    on_flink.prepare()

    run(e2e_run, (e2e_run.topic,), "--dead_letter_ratio_max=1")
    job = on_flink.submit_to_flink(["--dead_letter_ratio_max=1"])
    report = on_flink.reconcile(wait_sec=120, by_ledger=False)
    on_flink.flink.cancel(job)

    assert report.balanced, report.text()
    assert report.counts.read == len(raw_records.ODD)
    assert reconciled(e2e_run, (e2e_run.topic,)).balanced
    assert rows_of(on_flink) == rows_of(e2e_run)

"""A contract that skips, through the job: every record is in a row or in one range of its rule."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaProducer

from harness.e2e_run import E2ERun
from operations import bigquery_client
from operations.health.tables_side import table_health
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Limits
from tests.support import contracts
from transforms.codecs import wire_format
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load_file
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

RECORDS = 600
SAID = {
    "keep": [{"at": "state", "in": ["done"], "skip": ["open", "failed"]}],
    "tombstones": "skip",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "life.yaml"
    path.write_text(yaml.safe_dump(contracts.plain(**SAID), sort_keys=False))
    return path


def send(e2e_run: E2ERun) -> dict[str, int]:
    """Sends payments with their lives, copies and one strange state each hundred."""
    chance = random.Random(7)
    now = wire_format.event_time_text(time.time_ns() // 1_000)
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"], acks="all")
    sent: dict[str, int] = {}
    for number in range(RECORDS):
        state = "strange" if number % 100 == 50 else chance.choice(["open", "failed", "done", ""])
        value = None
        if state:
            key = f"tx-{number - number % 3}"
            value = contracts.payload(id=key, state=state, time=now)
        partition = number % 2
        producer.send(e2e_run.topic, value, key=b"key", partition=partition)
        sent[state] = sent.get(state, 0) + 1
    producer.close()
    return sent


def query(e2e_run: E2ERun, sql: str) -> list[list[Any]]:
    client = bigquery_client.connect("sandbox", e2e_run.endpoints["bigquery"])
    return list(bigquery_client.rows(client, sql.format(f"sandbox.{e2e_run.name}")))


def run(e2e_run: E2ERun, file: Path, *flags: str) -> None:
    command = [sys.executable, "-m", "pipeline", "--runner=DirectRunner", *e2e_run.flags()]
    command += [f"--contract={file}", e2e_run.flink_flag, *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def assert_balanced(e2e_run: E2ERun, contract: Contract, sent: dict[str, int]) -> None:
    report = e2e_run.reconcile(wait_sec=0, by_ledger=False, limits=Limits(contract=contract))
    assert report.balanced, report.text()
    outcomes = report.counts.outcomes
    assert outcomes[Outcome.SKIPPED] == sent["open"] + sent["failed"] + sent[""]
    assert outcomes[Outcome.INVALID] == sent["strange"]
    assert f"skipped={outcomes[Outcome.SKIPPED]} missing=0 double=0" in report.last_line()


def test_what_is_skipped_is_accounted_for_and_survives_a_start_from_the_tables(
    e2e_run: E2ERun, file: Path, tmp_path: Path
) -> None:
    contract = load_file(file)
    sent = send(e2e_run)

    run(e2e_run, file)

    assert_balanced(e2e_run, contract, sent)
    where = Dataset("sandbox", e2e_run.name, e2e_run.endpoints["bigquery"])
    health = table_health(where, None, 3_600, (e2e_run.topic,))
    assert health.recent[Outcome.SKIPPED] == sent["open"] + sent["failed"] + sent[""]
    assert sum(health.reach.values()) == RECORDS

    # The control: by another contract the same tables are wrong.
    other = contracts.contract(**{**SAID, "tombstones": "reject"})
    report = e2e_run.reconcile(wait_sec=0, by_ledger=False, limits=Limits(contract=other))
    assert not report.balanced and "skipped" in report.failed()

    # What a lost job has not written: payments and ranges, of each some.
    for table, offset in (("transactions", "kafka_offset"), ("skipped_records", "first_offset")):
        [[before]] = query(e2e_run, f"SELECT COUNT(*) FROM `{{}}.{table}`")
        query(e2e_run, f"DELETE FROM `{{}}.{table}` WHERE MOD({offset}, 3) = 1")
        [[after]] = query(e2e_run, f"SELECT COUNT(*) FROM `{{}}.{table}`")
        assert 0 < after < before
    lost = e2e_run.reconcile(wait_sec=0, by_ledger=False, limits=Limits(contract=contract))
    assert lost.missing > 0 and lost.double == 0

    run(e2e_run, file, f"--start_from_tables={tmp_path / 'memory'}")

    assert_balanced(e2e_run, contract, sent)

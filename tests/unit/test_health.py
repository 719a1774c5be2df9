"""Health reports what exceeds its limit. Flink is a stand-in that answers from a table."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from operations.errors import CannotCheck
from operations.health import command as health
from operations.health import flink_side, tables_side, topic_side
from operations.health.tables_side import TableHealth
from operations.health.topic_side import OpenTransaction
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import OffsetRange
from payments import exit_codes
from transforms.payment.outcome import Outcome

JOB = "/jobs/a1"
FLAGS = [
    "--kafka_bootstrap_servers=broker:9092",
    "--kafka_topics=payments",
    "--bigquery_dataset=my-project.payments",
]


def answers(watermark_ms: int, checkpoint_ms: int | None, running: int = 4) -> dict[str, Any]:
    completed = {"trigger_timestamp": checkpoint_ms, "state_size": 1_000}
    return {
        "/jobs": {"jobs": [{"id": "a1", "status": "RUNNING"}, {"id": "b2", "status": "FAILED"}]},
        JOB: {
            "status-counts": {"RUNNING": running, "INITIALIZING": 4 - running},
            "vertices": [{"id": "v"}],
        },
        f"{JOB}/checkpoints": {
            "counts": {"restored": 3},
            "latest": {"completed": None if checkpoint_ms is None else completed},
        },
        f"{JOB}/vertices/v/watermarks": [
            {"id": "0.currentInputWatermark", "value": str(watermark_ms)},
            {"id": "1.currentInputWatermark", "value": str(2**63 - 1)},
        ],
    }


@contextlib.contextmanager
def flink(content: dict[str, Any]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(content.get(self.path, {})).encode()
            self.send_response(200 if self.path in content else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Kafka and the tables say; a test may change it."""
    said = {
        "ranges": [OffsetRange("payments", 0, 10, 110)],
        "tables": TableHealth({("payments", 0): 110}, 900.0, {Outcome.ACCEPTED: 100}),
        "waiting": 0,
        "transactions": [],
    }

    class Side:
        def ranges(self) -> list[OffsetRange]:
            return said["ranges"]

        def waiting(self, *arguments: object) -> int:
            return said["waiting"]

        def open_transactions(self) -> list[OpenTransaction]:
            return said["transactions"]

    monkeypatch.setattr(topic_side, "connected", lambda topics: contextlib.nullcontext(Side()))
    monkeypatch.setattr(tables_side, "table_health", lambda *arguments: said["tables"])
    return said


def test_quiet_topic_with_old_rows_is_well(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.main(FLAGS) == exit_codes.WELL
    assert capsys.readouterr().out.endswith("health: well\n")


def test_records_that_wait_make_old_rows_unwell(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tables["waiting"] = 1

    assert health.main(FLAGS) == exit_codes.FINDING
    assert capsys.readouterr().out.endswith("beyond its limit: newest_row_age_sec\n")


def test_open_transaction_is_named(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=90)
    tables["transactions"] = [OpenTransaction("payments", 0, 105, 7, since, 5)]

    assert health.main(FLAGS) == exit_codes.FINDING
    said = capsys.readouterr().out
    assert f"payments[0] offset 105, producer id 7, open since {since:%Y-%m-%dT%H:%M:%S}Z" in said
    assert said.endswith("beyond its limit: open_transaction_sec\n")

    assert health.main([*FLAGS, "--open_transaction_sec_max=100"]) == exit_codes.WELL


def test_share_of_few_records_says_nothing() -> None:
    few = TableHealth({}, None, {Outcome.INVALID: 40, Outcome.ACCEPTED: 59})
    enough = TableHealth({}, None, {Outcome.INVALID: 40, Outcome.ACCEPTED: 60})

    assert (few.dead_letter_ratio, enough.dead_letter_ratio) == (0.0, 0.4)


def test_job_is_read_as_flink_tells_it() -> None:
    now_ms = round(time.time() * 1_000)
    with flink(answers(now_ms - 7_000, now_ms - 3_000, running=3)) as address:
        job = flink_side.job_health(address)

    assert job.running_share == 0.75
    assert job.checkpoint_age_sec == pytest.approx(3, abs=2)
    assert job.watermark_age_sec == pytest.approx(7, abs=2)
    assert (job.state_bytes, job.restarts) == (1_000, 3)


def test_job_without_a_checkpoint_or_a_watermark_is_not_well(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with flink(answers(-(2**63), None)) as address:
        code = health.main([*FLAGS, f"--flink={address}"])

    assert code == exit_codes.FINDING
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("checkpoint_age_sec, watermark_age_sec, state_bytes")


def test_waits_for_a_watermark_that_comes(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = round(time.time() * 1_000)
    content = answers(-(2**63), now_ms)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        content.update(answers(now_ms, now_ms))

    monkeypatch.setattr(health.time, "sleep", sleep)
    with flink(content) as address:
        code = health.main([*FLAGS, f"--flink={address}", "--wait_sec=60"])

    said = capsys.readouterr()
    assert code == exit_codes.WELL
    assert len(waits) == 1
    assert "at most for watermark_age_sec" in said.err
    assert said.out.endswith("health: well\n")


def test_each_limit_is_one_that_can_be_exceeded(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    tables["waiting"] = 1
    tables["transactions"] = [OpenTransaction("payments", 0, 1, 7, dt.datetime.now(dt.UTC), 5)]
    tables["tables"] = TableHealth(
        {("payments", 0): 110}, 30.0, {Outcome.ACCEPTED: 9_999, Outcome.INVALID: 1}
    )
    now_ms = round(time.time() * 1_000)
    with flink(answers(now_ms - 7_000, now_ms - 3_000)) as address:
        asked = [*FLAGS, f"--flink={address}", "--json"]
        assert health.main(asked) == exit_codes.WELL
        for name in health._LIMITS:
            capsys.readouterr()
            assert health.main([*asked, f"--{name}_max=0"]) == exit_codes.FINDING
            document = json.loads(capsys.readouterr().out)
            unwell = [each["name"] for each in document["vitals"] if not each["healthy"]]
            assert unwell == [name]


def test_flink_that_is_not_there_cannot_be_checked(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.main([*FLAGS, "--flink=127.0.0.1:1"]) == exit_codes.COULD_NOT_LOOK
    assert "Flink does not answer at 127.0.0.1:1" in capsys.readouterr().err


def test_job_that_flink_does_not_know_is_told() -> None:
    with flink(answers(0, None)) as address, pytest.raises(CannotCheck, match="must name a job"):
        flink_side.job_health(address, "c3")


def test_old_rows_are_asked_for_only_where_new_ones_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    at = dt.datetime.now(dt.UTC)

    def rows(client: object, sql: str) -> list[list[Any]]:
        asked.append(sql)
        partition = len(asked) - 1
        return [["accepted", "payments", partition, 50, at, 5]]

    monkeypatch.setattr(tables_side.bigquery_client, "rows", rows)
    dataset = Dataset("my-project", "payments", "localhost:1")
    spans = [OffsetRange("payments", n, 0, 50 * (n < 2)) for n in range(3)]

    indicators = tables_side.table_health(dataset, spans, 600)

    assert indicators.reach == {("payments", 0): 50, ("payments", 1): 50}
    assert ["INTERVAL 2 DAY" in sql for sql in asked] == [True, False]
    assert "'payments/1'" in asked[1]
    assert "'payments/2'" not in asked[1]  # it is empty

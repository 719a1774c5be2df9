"""Health reports what exceeds its limit. Flink is a stand-in that answers from a table."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from operations.errors import CannotCheck, FlinkError
from operations.health import command as health
from operations.health import flink_side, sections, tables_side, topic_side
from operations.health.limits import LIMITS
from operations.health.tables_side import TableHealth
from operations.health.topic_side import OpenTransaction
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import OffsetRange, Partition
from payments import exit_codes
from tests.support.fake_flink import FakeFlink, failure, fake_flink, job, now_ms
from transforms.payment.outcome import Outcome

FLAGS = [
    "--kafka_bootstrap_servers=broker:9092",
    "--kafka_topics=payments",
    "--bigquery_dataset=my-project.payments",
]


@pytest.fixture
def flink() -> Iterator[FakeFlink]:
    with fake_flink() as running:
        yield running


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

        def waiting(self, *arguments: object) -> dict[Partition, int]:
            return {("payments", 0): said["waiting"]}

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


def test_job_is_read_as_flink_tells_it(flink: FakeFlink) -> None:
    flink.put(job(), running=3, restarts=3, failures=[failure()])

    found = flink_side.job_health(flink.address)

    assert found.running_share == 0.75
    assert found.checkpoint_age_sec == pytest.approx(3, abs=2)
    assert found.watermark_age_sec == pytest.approx(7, abs=2)
    assert (found.state_bytes, found.restarts) == (1_000, 3)
    assert found.failure and found.failure.cause == "CannotDecode: not JSON"


@pytest.mark.parametrize("sec_ago", [300, -300])
def test_watermark_of_old_figures_is_not_told(
    sec_ago: float, tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    """After SIGKILL of a TaskManager Flink told the same watermark for ever, of a job that ran."""
    flink.put(job(), figures_sec_ago=sec_ago, watermark_ms=now_ms(300))

    assert flink_side.job_health(flink.address).watermark_age_sec is None
    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.WELL
    assert "watermark_age_sec is not known" in capsys.readouterr().out


def test_control_watermark_of_renewed_figures_is_told(
    tables: dict[str, Any], flink: FakeFlink
) -> None:
    flink.put(job(), watermark_ms=now_ms(300))

    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.FINDING


def test_restarts_before_any_checkpoint_count(flink: FakeFlink) -> None:
    """Flink's counter is up to ten seconds late; `restored` never moves without a checkpoint."""
    flink.put(job(), checkpoint_sec_ago=None, restarts=0, failures=[failure(), failure(30)])

    assert flink_side.job_health(flink.address).restarts == 2


def test_old_job_without_a_checkpoint_or_a_watermark_is_not_well(
    tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job(), checkpoint_sec_ago=None, watermark_ms=-(2**63))

    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.FINDING
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("checkpoint_age_sec, watermark_age_sec, state_bytes")


def test_job_that_was_just_started_is_starting(
    tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job(age_sec=12), checkpoint_sec_ago=None, watermark_ms=-(2**63), running=1)
    asked = [*FLAGS, f"--flink={flink.address}"]

    assert health.main(asked) == exit_codes.WELL
    said = capsys.readouterr().out
    assert "starting (no checkpoint yet, 12 s)" in said
    assert "beyond its limit" not in said
    assert said.splitlines()[-1].startswith("health: starting (")

    assert health.main([*asked, "--json"]) == exit_codes.WELL
    document = json.loads(capsys.readouterr().out)
    assert document["starting"] and document["well"]


def test_job_that_fails_while_it_starts_is_not_starting(
    tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    """One whose records cannot be decoded starts for ever."""
    flink.put(job(age_sec=12), checkpoint_sec_ago=None, failures=[failure(5)])

    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.FINDING
    said = capsys.readouterr().out
    assert "last failure, 5 s ago: 20" in said
    assert "UTC: CannotDecode: not JSON" in said


def test_job_that_has_ended_is_told_with_its_reason(
    tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1", "FAILED", ended_sec_ago=9), failures=[failure(9)])
    flink.put(job("b2", "CANCELED", ended_sec_ago=500))

    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.FINDING
    said = capsys.readouterr().out
    assert "found 0 living jobs; the last was job a1 (payments-run), FAILED" in said
    assert f"payments job list --flink={flink.address}" in said
    assert "CannotDecode: not JSON" in said
    assert said.endswith("beyond its limit: stopped_tasks\n")


def test_cluster_without_any_job_is_told_with_how_to_find_out(
    tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.FINDING
    assert "found 0 living jobs, and none that has ended. Hint: " in capsys.readouterr().out


def test_several_jobs_are_named(
    tables: dict[str, Any],
    flink: FakeFlink,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sections.Sources, "_ours", lambda self, living: None)
    flink.put(job("a1"))
    flink.put(job("b2"))

    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.COULD_NOT_LOOK
    assert "found 2" in (said := capsys.readouterr().out)
    assert "--flink_job" in said

    # That of the run which holds the tables is the one that is meant.
    monkeypatch.setattr(sections.Sources, "_ours", lambda self, living: living[0])
    assert health.main([*FLAGS, f"--flink={flink.address}"]) == exit_codes.WELL


def test_waits_for_a_watermark_that_comes(
    tables: dict[str, Any],
    flink: FakeFlink,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flink.put(job(), watermark_ms=-(2**63))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        flink.put(job())

    monkeypatch.setattr(health.time, "sleep", sleep)
    code = health.main([*FLAGS, f"--flink={flink.address}", "--wait_sec=60"])

    said = capsys.readouterr()
    assert code == exit_codes.WELL
    assert len(waits) == 1
    assert "at most: beyond its limit: watermark_age_sec" in said.err
    assert said.out.endswith("health: well\n")


@pytest.mark.parametrize("on_terminal", [True, False])
def test_watch_shows_each_look_until_ctrl_c(
    on_terminal: bool,
    tables: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        tables["waiting"] = 1
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(health.time, "sleep", sleep)
    monkeypatch.setattr(health.sys.stdout, "isatty", lambda: on_terminal)

    assert health.main([*FLAGS, "--watch=3"]) == exit_codes.INTERRUPTED

    said = capsys.readouterr()
    assert pauses == [3, 3]
    assert said.out.count("health: ") == 2
    assert said.out.endswith("beyond its limit: newest_row_age_sec\n" + "\n" * (not on_terminal))
    assert said.out.count("\x1b[H\x1b[2J") == (2 if on_terminal else 0)
    assert said.err == "interrupted\n"


def test_watch_without_seconds_has_a_pace(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        assert seconds == 5
        raise KeyboardInterrupt

    monkeypatch.setattr(health.time, "sleep", sleep)

    assert health.main([*FLAGS, "--watch", "--json"]) == exit_codes.INTERRUPTED
    assert json.loads(capsys.readouterr().out)["well"]


@pytest.mark.parametrize("flags", [["--watch=0"], ["--watch", "--wait_sec=5"]])
def test_watch_that_cannot_be_is_a_line(
    flags: list[str], tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        health.main([*FLAGS, *flags])

    assert end.value.code == exit_codes.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert "--watch" in line


def test_each_limit_is_one_that_can_be_exceeded(
    tables: dict[str, Any], flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    tables["waiting"] = 1
    tables["transactions"] = [OpenTransaction("payments", 0, 1, 7, dt.datetime.now(dt.UTC), 5)]
    tables["tables"] = TableHealth(
        {("payments", 0): 110}, 30.0, {Outcome.ACCEPTED: 9_999, Outcome.INVALID: 1}
    )
    flink.put(job(), watermark_ms=now_ms(7))
    asked = [*FLAGS, f"--flink={flink.address}", "--json"]
    assert health.main(asked) == exit_codes.WELL
    for name in LIMITS:
        capsys.readouterr()
        assert health.main([*asked, f"--{name}_max=0"]) == exit_codes.FINDING
        document = json.loads(capsys.readouterr().out)
        unwell = [each["name"] for each in document["indicators"] if not each["healthy"]]
        assert unwell == [name]


# --- A source that is down -----------------------------------------------------------------------


def test_flink_that_is_not_there_is_told_and_the_others_are_shown(
    tables: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert health.main([*FLAGS, "--flink=127.0.0.1:1"]) == exit_codes.COULD_NOT_LOOK
    said = capsys.readouterr().out
    assert "could not be asked: Flink does not answer at 127.0.0.1:1" in said
    assert "lag_records" in said and "dead_letter_ratio" in said
    assert said.endswith("health: could not ask flink\n")


def test_tables_that_are_away_leave_kafka_and_flink(
    tables: dict[str, Any],
    flink: FakeFlink,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*arguments: object) -> TableHealth:
        raise CannotCheck("BigQuery does not answer")

    monkeypatch.setattr(tables_side, "table_health", away)
    flink.put(job())

    code = health.main([*FLAGS, f"--flink={flink.address}", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == exit_codes.COULD_NOT_LOOK
    assert document["sources"]["tables"]["problem"] == "BigQuery does not answer"
    assert document["sources"]["kafka"]["problem"] is None
    assert not document["well"]
    names = {each["name"]: each["source"] for each in document["indicators"]}
    assert names["open_transaction_sec"] == "kafka" and names["checkpoint_age_sec"] == "flink"
    assert "lag_records" not in names  # nobody knows how far the tables reach


def test_kafka_that_is_away_leaves_the_tables(
    tables: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextlib.contextmanager
    def away(topics: object) -> Iterator[None]:
        raise CannotCheck("no Kafka broker answers")
        yield

    monkeypatch.setattr(topic_side, "connected", away)

    assert health.main(FLAGS) == exit_codes.COULD_NOT_LOOK
    said = capsys.readouterr().out
    assert "could not be asked: no Kafka broker answers" in said
    # 900 s old: whether records wait is not known, so it is no finding.
    assert next(line for line in said.splitlines() if "newest_row" in line).split()[1:3] == [
        "900",
        "-",
    ]
    assert said.endswith("health: could not ask kafka\n")


def test_job_that_flink_does_not_know_is_told(flink: FakeFlink) -> None:
    with pytest.raises(FlinkError, match="knows no /jobs/c3"):
        flink_side.job_health(flink.address, "c3")


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
    assert ["INTERVAL 172800 SECOND" in sql for sql in asked] == [True, False]
    assert "'payments/1'" in asked[1]
    assert "'payments/2'" not in asked[1]  # it is empty

"""`payments job`: which job is meant, what is done to it, and what the exit code says."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator

import pytest

from operations.errors import NoAnswer
from operations.job import find_job
from operations.runs.run import ROOT, Run
from payments import cli, exit_codes
from tests.support.fake_flink import FakeFlink, failure, fake_flink, job

DATASET = "--bigquery_dataset=my-project.payments"


@pytest.fixture
def flink() -> Iterator[FakeFlink]:
    with fake_flink() as running:
        yield running


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the table `runs` was told of ends; it has a run, of a job named payments-run."""
    told: list[tuple[str, str]] = []

    def run(name: str, **fields: object) -> Run:
        began = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11)
        found = Run(name, name, began, "someone@here", "1", job_name=f"payments-{name}")
        return dataclasses.replace(found, runner="FlinkRunner", **fields)  # type: ignore[arg-type]

    class Table:
        def __init__(self, dataset: str, endpoint: str | None) -> None:
            assert dataset == "my-project.payments"

        def rows_if_any(self) -> list[Run]:
            return [run(ROOT), run("earlier", followed_by="run"), run("run")]

        def end(self, claim_id: str, why: str, instead_of: str = "") -> None:
            told.append((claim_id, why))

    monkeypatch.setattr(find_job, "RunsTable", Table)
    return told


def ran(flink: FakeFlink, *arguments: str) -> int:
    name, *rest = arguments
    return cli.main(["job", name, f"--flink={flink.address}", *rest])


def test_list_has_a_line_for_each_job_with_its_last_failure(
    flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("b2", "FAILED", "payments-old", ended_sec_ago=5), failures=[failure(5)])
    flink.put(job("a1", age_sec=60), restarts=4)

    assert ran(flink, "list") == 0
    first, second = capsys.readouterr().out.splitlines()[2:]
    assert first.split()[:3] == ["a1", "payments-run", "RUNNING"]
    assert first.split()[-2:] == ["4", "-"]
    assert second.split()[:3] == ["b2", "payments-old", "FAILED"]
    assert second.endswith("CannotDecode: not JSON")

    assert ran(flink, "list", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["job_id"] for each in document] == ["a1", "b2"]
    assert document[1]["last_failure"]["cause"] == "CannotDecode: not JSON"
    assert document[0]["restarts"] == 4


def test_list_of_an_empty_cluster_says_so(
    flink: FakeFlink, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(flink, "list") == 0
    assert "knows no job" in capsys.readouterr().out


def test_show_tells_the_job_of_the_run_that_holds_the_tables(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))
    flink.put(job("z9", name="payments-other"))

    assert ran(flink, "show", DATASET) == 0
    said = capsys.readouterr().out
    assert said.startswith("job a1 (payments-run), RUNNING since ")
    assert "checkpoints   9 completed" in said and "last failure  none" in said


def test_cancel_by_dataset_ends_the_runs_job_and_notes_it(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))
    flink.put(job("z9", name="payments-other"))

    assert ran(flink, "cancel", DATASET) == 0

    assert [(method, path) for method, path, _ in flink.asked] == [
        ("PATCH", "/jobs/a1?mode=cancel")
    ]
    [(claim, why)] = ends
    assert claim == "run" and why.startswith("cancelled by ") and "@" in why
    assert "CANCELED" in (said := capsys.readouterr().out)
    assert "noted as the end of run run" in said


def test_cancel_by_id_alone_notes_nothing(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))

    assert ran(flink, "cancel", "--job_id=a1", "--json") == 0
    assert ends == []
    document = json.loads(capsys.readouterr().out)
    assert document == {"job_id": "a1", "state": "CANCELED", "noted_run": None}


def test_dry_run_does_nothing(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))
    for asked in (["cancel"], ["savepoint"], ["savepoint", "--stop"]):
        assert ran(flink, *asked, DATASET, "--dry_run") == 0
        assert "would " in (said := capsys.readouterr().out) and "job a1" in said
    assert (flink.asked, ends) == ([], [])


def test_savepoint_prints_its_uri_and_the_job_goes_on(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))

    assert ran(flink, "savepoint", DATASET) == 0
    assert capsys.readouterr().out == "file:/savepoints/s-1\n"
    assert flink.jobs["a1"]["state"] == "RUNNING"
    assert ends == []


def test_savepoint_that_stops_is_the_end_of_the_run(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))

    assert ran(flink, "savepoint", DATASET, "--stop") == 0
    assert capsys.readouterr().out == "file:/savepoints/s-1\n"
    assert flink.jobs["a1"]["state"] == "CANCELED"
    assert ends[0][1].startswith("stopped with file:/savepoints/s-1 by ")


def test_job_that_does_not_end_in_time_is_told(
    flink: FakeFlink, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1"))
    monkeypatch.setattr(flink, "end", lambda *arguments: None)

    assert ran(flink, "cancel", "--job_id=a1", "--wait_sec=0") == 1
    assert "has not ended within 0 s" in capsys.readouterr().err

    assert ran(flink, "savepoint", "--job_id=a1", "--stop", "--wait_sec=1") == 1
    assert "its savepoint is file:/savepoints/s-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["cancel"], "error: job a1 (payments-run), CANCELED at "),
        (["savepoint", "--stop"], "error: its savepoint is file:/savepoints/s-1, but job a1 "),
    ],
)
def test_end_that_cannot_be_noted_is_told_all_the_same(
    flink: FakeFlink,
    ends: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    told: str,
) -> None:
    """BigQuery may go away while Flink takes a savepoint, and nobody else knows where that lies."""

    def away(*arguments: object, **more: object) -> None:
        raise NoAnswer("BigQuery does not answer")

    monkeypatch.setattr(find_job.RunsTable, "end", away)
    flink.put(job("a1"))

    assert ran(flink, *command, DATASET) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(told)
    assert "but `runs` was not told: BigQuery does not answer" in line


def test_what_is_not_there_is_a_finding_and_what_is_away_is_not(
    flink: FakeFlink,
    ends: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ran(flink, "cancel", "--job_id=x") == 1
    assert "knows no /jobs/x" in capsys.readouterr().err
    assert ran(flink, "cancel", DATASET) == 1
    assert "knows no job of run run of someone@here" in capsys.readouterr().err
    assert ran(flink, "cancel", DATASET, "--run_id=none") == 1
    assert "no run none has held the tables" in capsys.readouterr().err

    flink.put(job("z9", name="payments-other"))
    assert ran(flink, "cancel", DATASET, "--job_id=z9") == 1
    assert "belongs to no run" in capsys.readouterr().err
    assert flink.asked == []

    assert cli.main(["job", "list", "--flink=127.0.0.1:1"]) == 3
    assert "Flink does not answer" in capsys.readouterr().err

    def away(*arguments: object, **more: object) -> None:
        raise NoAnswer("BigQuery does not answer")

    monkeypatch.setattr(find_job, "RunsTable", away)
    assert ran(flink, "cancel", DATASET) == 3


def test_job_must_be_named(flink: FakeFlink, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ran(flink, "cancel")
    assert ended.value.code == 2
    assert "which job?" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        ran(flink, "cancel", "--job_id=a1", "--run_id=run")
    assert ended.value.code == 2


def test_job_that_has_ended_is_left_as_it_is(
    flink: FakeFlink, ends: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    flink.put(job("a1", "FAILED", ended_sec_ago=5))

    assert ran(flink, "cancel", DATASET) == exit_codes.WELL
    assert flink.asked == []
    assert ends == [("run", "its job had ended before: FAILED")]

    assert ran(flink, "savepoint", DATASET) == exit_codes.FINDING
    assert "has ended, so no savepoint can be taken" in capsys.readouterr().err

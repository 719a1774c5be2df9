"""A dry run tells what would be changed, and changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pytest

from operations.rollout import command as rollout
from operations.rollout import ranges
from operations.rollout import rollout as work
from operations.rollout.comparison import Comparison, Difference
from operations.rollout.rollout import Compared
from operations.rollout.serving import Decision
from operations.runs import command as runs
from operations.runs.run import Run
from operations.tables import command as tables

DATASET = "--bigquery_dataset=my-project.payments"
LIVE = [
    "--kafka_bootstrap_servers=broker:9092",
    "--kafka_topics=payments",
    "--live_dataset=my-project.live",
]
GREEN = "--green=my-project.green"
JOBS = ["--flink=flink:8081", "--blue_job=b", "--green_job=g"]
NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
RUN = Run("run-1/a", "run-1", NOW, "me@here", "1")


class Table:
    ended: Sequence[str] = ()

    def __init__(self, *where: object) -> None: ...

    def rows(self) -> list[Run]:
        return [RUN]

    def end(self, claim_id: str, why: str, instead_of: str = "") -> None:
        type(self).ended = (*self.ended, claim_id)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> type[Table]:
    monkeypatch.setattr(runs, "RunsTable", Table)
    monkeypatch.setattr(Table, "ended", ())
    return Table


def test_run_is_ended_only_without_it(
    table: type[Table], capsys: pytest.CaptureFixture[str]
) -> None:
    end = ["end", DATASET, "--run_id=run-1", "--why=gone"]

    assert runs.main([*end, "--dry_run"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert runs.main([*end, "--dry_run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "run_id": "run-1",
        "ended": False,
        "why": "gone",
    }
    assert table.ended == ()

    assert runs.main(end) == 0  # the control
    assert table.ended == ("run-1/a",)


@pytest.mark.parametrize("flags", [[], ["--dry_run"]])
def test_run_that_holds_nothing_is_a_finding(
    table: type[Table], flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert runs.main(["end", DATASET, "--run_id=other", "--why=gone", *flags]) == 1

    assert "run other does not hold the tables" in capsys.readouterr().err
    assert table.ended == ()


def test_tables_are_made_only_without_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Client:
        project = "my-project"

    made: list[str] = []
    monkeypatch.setattr(tables.bigquery_client, "connect", lambda *arguments: Client())
    monkeypatch.setattr(tables, "missing", lambda *arguments: ["late_transactions"])
    monkeypatch.setattr(tables.bigquery_views, "outdated", lambda *arguments: ["replays"])
    monkeypatch.setattr(tables, "create", lambda *arguments: made.append("tables") or [])
    monkeypatch.setattr(tables.bigquery_views, "create", lambda *arguments: [])
    later = "column transactions.account_id may be null"
    monkeypatch.setattr(tables.later_columns, "outdated", lambda *arguments: [later])
    monkeypatch.setattr(
        tables.later_columns, "bring_up", lambda *arguments: made.append("columns") or [later]
    )
    monkeypatch.setattr(tables, "diff", lambda *arguments: [])
    monkeypatch.setattr(tables.bigquery_views, "diff", lambda *arguments: [])

    assert tables.main(["create", DATASET, "--dry_run"]) == 0
    told = capsys.readouterr().out
    assert "would create table my-project.payments.late_transactions" in told
    assert "would create view my-project.payments.replays" in told
    assert tables.main(["create", DATASET, "--dry_run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "would_create": {
            "tables": ["late_transactions"],
            "views": ["replays"],
            "columns": ["column transactions.account_id may be null"],
        }
    }
    assert made == []

    assert tables.main(["create", DATASET]) == 0  # the control
    assert made == ["tables", "columns"]


class Live:
    """The dataset of views, which remembers what was changed."""

    changed: Sequence[str] = ()
    served: Sequence[ranges.Served] = ranges.served_by("my-project.blue", [("payments", 0)])

    def __init__(self, *where: object) -> None: ...

    def decision(self) -> Decision:
        return Decision(NOW, tuple(self.served))

    def create(self) -> None:
        self._change("create")

    def show(self, datasets: object) -> None:
        self._change("show")

    def decide(self, served: Sequence[ranges.Served]) -> None:
        type(self).served = served
        self._change("decide")

    def _change(self, what: str) -> None:
        type(self).changed = (*self.changed, what)


class Flink:
    def __init__(self, address: str) -> None: ...

    def stages(self, job: str) -> dict[str, str]:
        return {"a": f"WriteBigQuery to my-project.{job}/Append"}

    def stages_with_state(self, job: str) -> dict[str, str]:
        return {}

    def stop(self, job: str, timeout_sec: float) -> None:
        Live("")._change("stop")


def compared(**changes: Any) -> Compared:
    nothing = Comparison(9, 0, 0, 0, 0, (), 0, 0)
    return Compared("my-project.blue", nothing._replace(**changes), {("payments", 0): 7}, ())


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> type[Live]:
    monkeypatch.setattr(work.bigquery_client, "connect", lambda *arguments: None)
    monkeypatch.setattr(work, "LiveDataset", Live)
    monkeypatch.setattr(
        work.Rollout, "_ends", lambda self: {("payments", 0): 9, ("payments", 1): 9}
    )
    monkeypatch.setattr(work.Rollout, "compare", lambda *arguments: compared())
    monkeypatch.setattr(rollout, "FlinkJobs", Flink)
    monkeypatch.setattr(Live, "changed", ())
    monkeypatch.setattr(Live, "served", Live.served)
    return Live


@pytest.mark.parametrize(
    ("arguments", "changes"),
    [
        (["serve", "--dataset=my-project.blue"], ("create", "show", "decide")),
        (["ramp", GREEN, "--share=100", *JOBS], ("show", "decide")),
        (["stop", "--flink=f:1", "--blue_job=old"], ("stop",)),
    ],
)
def test_rollout_changes_nothing_in_it(
    arguments: list[str], changes: tuple[str, ...], live: type[Live]
) -> None:
    assert rollout.main([*arguments, *LIVE, "--dry_run"]) == 0
    assert live.changed == ()

    assert rollout.main([*arguments, *LIVE]) == 0  # the control
    assert live.changed == changes


def test_what_is_taken_back_is_told_first(
    live: type[Live], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rollout.main(["ramp", GREEN, "--share=100", *JOBS, *LIVE]) == 0
    live.changed = ()
    capsys.readouterr()

    assert rollout.main(["take-back", GREEN, *LIVE, "--dry_run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["newest"], told["dry_run"]) == (["my-project.blue"], True)
    assert live.changed == ()

    assert rollout.main(["status", *LIVE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["newest"] == ["my-project.green"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"lost": 1}, 1),
        ({"differing": (Difference("accepted", "late", 1, "payments[0] 7"),)}, 1),
    ],
)
@pytest.mark.parametrize("command", [["compare"], ["ramp", "--share=100", "--dry_run"]])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_versions_that_count_otherwise_are_a_finding(
    changes: dict[str, Any],
    code: int,
    command: list[str],
    form: list[str],
    live: type[Live],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(work.Rollout, "compare", lambda *arguments: compared(**changes))

    assert rollout.main([*command, GREEN, *JOBS, *LIVE, *form]) == code

    out = capsys.readouterr().out
    if form:
        assert json.loads(out)
    assert live.changed == ()

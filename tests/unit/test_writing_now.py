"""`payments tables check` beside a running job says that one is writing."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from google.api_core import exceptions

from operations.runs.run import ROOT, Run
from operations.tables import command as tables
from operations.tables import writing_now
from operations.tables.run_checks import Finding

BEGAN = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


class Client:
    """A BigQuery whose table `runs` holds some rows; None where there is no such table."""

    project = "my-project"

    def __init__(self, rows: list[Run] | None) -> None:
        self._rows = rows

    def list_rows(self, name: str, retry: object) -> list[dict[str, Any]]:
        assert name == "my-project.payments.runs"
        if self._rows is None:
            raise exceptions.NotFound("no such table")
        return [dataclasses.asdict(run) for run in self._rows]


def run(name: str, **fields: Any) -> Run:
    return Run(name, name, BEGAN, "someone@here", "1", **fields)


HELD = [run(ROOT, followed_by="a"), run("a")]
ENDED = [run(ROOT, followed_by="a"), run("a", ended_at=BEGAN)]


@pytest.mark.parametrize(
    ("rows", "holder"),
    [(HELD, "a"), (ENDED, None), ([run(ROOT)], None), ([], None), (None, None)],
    ids=["held", "ended", "never held", "no root", "no table"],
)
def test_holder_is_the_run_that_has_not_ended(rows: list[Run] | None, holder: str | None) -> None:
    found = writing_now.holder(Client(rows), "payments")  # type: ignore[arg-type]

    assert (found and found.run_id) == holder


@pytest.mark.parametrize(("rows", "told"), [(HELD, True), (ENDED, False)])
@pytest.mark.parametrize("severity", ["fail", "warn"])
def test_finding_beside_a_run_is_told_as_perhaps_none(
    rows: list[Run],
    told: bool,
    severity: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check = dataclasses.replace(tables.sql_files.checks()[0], severity=severity)
    finding = Finding(check, ("kafka_offset=7",), more=False)
    monkeypatch.setattr(tables, "run_checks", lambda *arguments: [finding])

    tables._check(Client(rows), "payments", False)  # type: ignore[arg-type]

    assert ("run a of someone@here" in capsys.readouterr().err) is told


def test_tables_that_hold_have_no_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tables, "run_checks", lambda *arguments: [])

    assert tables._check(Client(HELD), "payments", False) == 0  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""

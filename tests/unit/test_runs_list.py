"""`payments runs list` prints names as they are: `payments runs end` takes them."""

from __future__ import annotations

import datetime as dt

import pytest

from operations.runs import command
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable


def test_a_name_that_looks_like_a_number_is_printed_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short hash of git may be one, and as a number it is 12000."""
    now = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)

    class Table:
        def __init__(self, *where: object) -> None: ...

        def rows(self) -> list[Run]:
            return [Run(f"{name}/a", name, now, "me@here", "1") for name in ("12e3", "1e5")]

    monkeypatch.setattr(command, "RunsTable", Table)

    assert command.main(["list", "--bigquery_dataset=my-project.payments"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == ["12e3", "1e5"]


def test_a_list_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def changes(*_: object, **__: object) -> None:
        raise AssertionError("a list writes nothing")

    table = RunsTable.__new__(RunsTable)
    monkeypatch.setattr(table, "_rows", list)
    monkeypatch.setattr(table, "_change", changes)
    monkeypatch.setattr(command, "RunsTable", lambda *where: table)

    assert command.main(["list", "--bigquery_dataset=my-project.payments"]) == 0
    # Control: what a launch asks for makes the root.
    with pytest.raises(AssertionError, match="writes nothing"):
        table.chain("1")

"""`payments tables show` prints what is there, exact and aligned, and names what is not."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from operations.tables import command as tables
from payments import exit_codes, rows_text

DATASET = "--bigquery_dataset=my-project.payments"
ROWS = [["EUR", Decimal("1234567890.10"), 3, None], ["KWD", Decimal("0.125"), 12, 0.5]]
COLUMNS = ["currency", "amount", "payment_count", "rate"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    statements: list[str] = []

    class Result(list[Any]):
        schema = tuple(SimpleNamespace(name=name) for name in COLUMNS)

    class Client:
        project = "my-project"

        def get_table(self, name: str, retry: object) -> str:
            return name

        def list_rows(self, name: str, max_results: int, retry: object) -> Result:
            statements.append(f"list {name}")
            return Result(ROWS[:max_results])

    def result(client: Client, sql: str) -> Result:
        statements.append(sql)
        return Result(ROWS)

    monkeypatch.setattr(tables.bigquery_client, "connect", lambda *arguments: Client())
    monkeypatch.setattr(tables.bigquery_client, "result", result)
    return statements


def test_view_is_printed_with_its_numbers_right(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tables.main(["show", "sums_daily", DATASET]) == exit_codes.WELL

    assert asked == ["SELECT * FROM `my-project.payments.sums_daily` LIMIT 20"]
    assert capsys.readouterr().out.splitlines() == [
        "currency           amount    payment_count    rate",
        "----------  -------------  ---------------  ------",
        "EUR         1234567890.10                3",
        "KWD                 0.125               12     0.5",
    ]


def test_table_is_listed_which_costs_nothing(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tables.main(["show", "transactions", "--limit=1", "--json", DATASET]) == exit_codes.WELL

    assert asked == ["list my-project.payments.transactions"]
    [row] = json.loads(capsys.readouterr().out)
    assert row == {"currency": "EUR", "amount": "1234567890.10", "payment_count": 3, "rate": None}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("transaction", "did you mean transactions?"), ("record; DROP", "did you mean records?")],
)
def test_what_is_not_there_is_refused_before_anybody_is_asked(
    name: str, hint: str, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tables.main(["show", name, DATASET]) == exit_codes.USAGE

    assert asked == []
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "x", "100001"])
def test_limit_is_checked(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        tables.main(["show", "records", f"--limit={limit}", DATASET])

    assert end.value.code == exit_codes.USAGE
    assert "must be a whole number from 1 to 100000" in capsys.readouterr().err


def test_no_rows_are_a_table_of_none() -> None:
    assert rows_text.aligned(["a", "b"], []) == "a    b\n---  ---"


def test_cells_cannot_command_the_terminal_and_are_cut() -> None:
    hostile = [["\x1b[2J\nx", b"\x1b\xff", "y" * 200]]

    printed = rows_text.aligned(["a", "b", "c"], hostile)

    assert "\x1b" not in printed and len(printed.splitlines()) == 3
    assert "y" * 79 + "…" in printed


def test_documents_are_exact() -> None:
    moment = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    row = [moment, moment.date(), b"\xff", float("nan"), True, [Decimal("1.10")], {"a": moment}]

    [found] = rows_text.documents("abcdefg", [row])

    assert list(found.values()) == [
        "2026-01-01 12:00:00",
        "2026-01-01",
        "/w==",
        "nan",
        True,
        ["1.10"],
        {"a": "2026-01-01 12:00:00"},
    ]

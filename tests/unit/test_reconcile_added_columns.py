"""Columns that a contract adds are compared too, of every type, and each wrong one is told."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Any

import orjson
import pytest

from operations.reconcile.added_columns import AddedColumns
from operations.reconcile.truth import Limits
from operations.runs import limits
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable
from tests.support import contracts
from tests.support.reconcile_world import World, changed, failed, with_facts
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.document import document_of
from transforms.codecs.contract.language import Contract

TYPES = ("STRING", "INT64", "BOOL", "FLOAT64", "NUMERIC", "TIMESTAMP")
COLUMNS = [
    {"name": name.lower(), "at": name.lower(), "type": name}
    | ({"as": "rfc3339"} if name == "TIMESTAMP" else {})
    for name in TYPES
]
VALUES = {
    "string": "x" * 100,
    "int64": 2**60,
    "bool": True,
    "float64": 1.5,
    "numeric": "12.50",
    "timestamp": "2026-01-01T00:00:00.000001Z",
}
# As BigQuery writes the same into JSON.
CELLS = {
    "string": "x" * 100,
    "int64": str(2**60),
    "bool": True,
    "float64": 1.5,
    "numeric": "12.5",
    "timestamp": 1_767_225_600_000_001,
    "extra": '{"more":[1]}',
}


def contract(columns: list[dict[str, Any]] | None = None) -> Contract:
    said = COLUMNS if columns is None else columns
    return contracts.contract(columns=said, extra={"column": "extra", "without": []})


ADDED = AddedColumns(contract())


def extras(**values: Any) -> str | None:
    world = World(contract=contract())
    world.send_bytes(payload(**values))
    [paid] = Decoder(contract()).decode(world.records).transactions
    return ADDED.of_record(paid.extras)


def payload(**values: Any) -> bytes:
    fields = orjson.loads(contracts.payload(id="tx-1", time="2026-01-01T00:00:00Z"))
    return orjson.dumps(fields | VALUES | {"more": [1]} | values)


def test_record_and_its_row_say_the_same() -> None:
    assert extras() == ADDED.of_row(CELLS)
    nothing = dict.fromkeys(VALUES)
    assert extras(**nothing) == ADDED.of_row({**dict.fromkeys(CELLS), "extra": '{"more":[1]}'})


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("string", "x" * 99 + "y"),
        ("int64", str(2**60 + 1)),
        ("bool", False),
        ("float64", 1.25),
        ("numeric", "12.500000001"),
        ("timestamp", 1_767_225_600_000_002),
        ("extra", "{}"),
        *((name, None) for name in CELLS),
    ],
)
def test_control_any_other_cell_differs(name: str, cell: Any) -> None:
    assert extras() != ADDED.of_row({**CELLS, name: cell})


@pytest.mark.parametrize("digits", ["100", "0.000", "10.10", "12345678901234567890123456789.12"])
def test_numeric_is_compared_to_its_last_digit(digits: str) -> None:
    assert extras(numeric=digits) == ADDED.of_row({**CELLS, "numeric": digits})
    other = f"{Decimal(digits) + Decimal('0.000000001') if len(digits) < 9 else digits + '1'}"
    assert extras(numeric=digits) != ADDED.of_row({**CELLS, "numeric": other})


@pytest.mark.parametrize(("record", "row"), [(1, 1.0), (-0.0, 0.0), (1e300, 1e300)])
def test_float_is_one_number_however_it_is_written(record: float, row: float) -> None:
    assert extras(float64=record) == ADDED.of_row({**CELLS, "float64": row})


def test_comparison_tells_a_wrong_column() -> None:
    world = World(contract=contract())
    place = world.send_bytes(payload())
    assert world.audit().balanced

    wrong = ADDED.of_row({**CELLS, "numeric": "12.51"})
    report = world.audit(changed(world.rows(), place, with_facts(extras=wrong)))

    assert failed(report) == {"content"}
    [problem] = [line for line in report.problems if "columns of the contract" in line]
    assert "12.51" in problem


def test_columns_of_another_time_are_not_compared() -> None:
    """A row that was written before a column was added has none of it."""
    apart = Limits(contract=contract(), compares_columns=False).added

    assert apart.columns == ()
    assert apart.of_row(CELLS) is apart.of_record("[1]") is None
    # Control: where they are compared, a row without them is told.
    world = World(contract=contract())
    place = world.send_bytes(payload())
    assert failed(world.audit(changed(world.rows(), place, with_facts(extras=None)))) == {"content"}


REFUSED_NOW = document_of(contract()).replace("contract: 1", "contract: 0")


@pytest.mark.parametrize(
    ("first", "changes"),
    [
        (document_of(contract(COLUMNS)), False),
        (document_of(contract(COLUMNS[:1])), True),
        (REFUSED_NOW, True),
    ],
)
def test_run_before_with_other_columns_is_told(
    first: str, changes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    newest = Run("c", "r", began, "me", "1", allowed_lateness_sec=1, clock_skew_sec=1)
    # The second has the same columns, and other words.
    documents = [first, document_of(contract())]
    runs = [dataclasses.replace(newest, contract_document=each) for each in documents]
    monkeypatch.setattr(RunsTable, "__init__", lambda *_: None)
    monkeypatch.setattr(RunsTable, "rows_if_any", lambda _: runs)
    said: list[str] = []

    found = limits.of_runs("p.d", None, None, None, said.append)

    assert found.columns_changed is changes
    assert any("not compared" in each for each in said) is changes
    assert Limits.of(found).compares_columns is not changes

"""The columns that a contract adds to the tables of payments, and their cells on the way there."""

from __future__ import annotations

import dataclasses
import decimal
from collections.abc import Iterable
from typing import Any, cast

import orjson

from transforms.codecs.contract.language import Contract
from transforms.payment.fields import Column, ColumnType
from transforms.payment.tables import (
    CONFLICTS,
    DUPLICATES,
    FRAUD_INDICATORS,
    LATE_TRANSACTIONS,
    TRANSACTIONS,
    Table,
)

# The tables whose rows are payments.
NAMES = frozenset(
    each.name for each in (TRANSACTIONS, DUPLICATES, CONFLICTS, LATE_TRANSACTIONS, FRAUD_INDICATORS)
)
# Behind all columns of the product's own.
_ADDED_FROM = 1_000


def columns_of(contract: Contract) -> tuple[Column, ...]:
    """Returns the columns that a contract adds, that of the rest as the last."""
    said = [
        (
            each.name,
            each.type,
            f"{', '.join(path.text for path in each.field.paths)} of the record.",
        )
        for each in contract.columns
    ]
    if contract.extra is not None:
        said.append((contract.extra.column, "STRING", "JSON: what the contract maps to nothing."))
    return tuple(
        Column(name, cast(ColumnType, kind), meaning, True, _ADDED_FROM + place)
        for place, (name, kind, meaning) in enumerate(said)
    )


def with_columns(tables: Iterable[Table], contract: Contract) -> tuple[Table, ...]:
    """Returns the tables as a job of this contract needs them."""
    added = columns_of(contract)
    return tuple(
        dataclasses.replace(table, columns=(*table.columns, *added))
        if added and table.name in NAMES
        else table
        for table in tables
    )


def packed(cells: Iterable[Any]) -> str:
    """Returns the cells of a payment as text: they pass steps and state that do not look inside."""
    return orjson.dumps(list(cells), default=_plain).decode()


def unpacked(text: str) -> list[Any]:
    """Returns what `packed` was called on, decimals as text."""
    cells: list[Any] = orjson.loads(text)
    return cells


def _plain(value: Any) -> str:
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    raise TypeError(f"no cell: {type(value).__name__}")

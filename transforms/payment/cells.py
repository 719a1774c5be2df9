"""Reads a payment back from its table: the columns to select, and what the cells say.

Columns and fields are named by what the fields declare (transaction.py), in one order for both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from transforms.payment.fields import Column, fields_of
from transforms.payment.transaction import PaymentFacts, ReplayOf, Transaction, made_by

# The column that a field is read back from. An amount in major units is made from the minor ones.
COLUMN_OF: dict[str, Column] = {
    each.name: each.column for each in fields_of(Transaction) if each.column.type != "NUMERIC"
}
# What a payment cannot be remembered without.
REQUIRED = tuple(
    name
    for name, column in COLUMN_OF.items()
    if not column.nullable or name in PaymentFacts._fields
)


def selected(columns: Iterable[Column], of: str = "") -> str:
    """Returns what a SELECT asks for: columns as they are, a TIMESTAMP in microseconds.

    Args:
        of: the alias of their table with its point, where it has one.
    """
    return ", ".join(
        f"UNIX_MICROS({of}{column.name})" if column.type == "TIMESTAMP" else of + column.name
        for column in columns
    )


def columns_for(names: Iterable[str]) -> list[Column]:
    """Returns the columns of these fields of Transaction."""
    return [COLUMN_OF[name] for name in names]


def payment_of(cells: Mapping[str, Any]) -> Transaction:
    """Returns the payment whose columns `cells` holds by name.

    TIMESTAMPs must be in microseconds; numbers may be text.

    Raises:
        KeyError, ValueError: something is missing, or is no number.
    """
    return _payment(cells)


def made_of(names: Iterable[str]) -> Callable[[Sequence[Any]], Transaction]:
    """Returns what makes a payment of the values of these fields, in this order."""
    return made_by("row", {name: f"row[{at}]" for at, name in enumerate(names)}, {})


def _expression(column: Column) -> str:
    cell = f"cells[{column.name!r}]"
    if column.type == "STRING":
        return cell
    return f"None if {cell} is None else int({cell})" if column.nullable else f"int({cell})"


_REPLAY = {each.name: each.column for each in fields_of(ReplayOf)}
_replay = ", ".join(
    f"{name}={_expression(dataclasses.replace(column, nullable=False))}"
    for name, column in _REPLAY.items()
)
_REPLAYED = f"cells.get({_REPLAY['topic'].name!r})"
_payment = made_by(
    "cells",
    {name: _expression(column) for name, column in COLUMN_OF.items()}
    | {"replay_of": f"None if {_REPLAYED} is None else ReplayOf({_replay})"},
    {"ReplayOf": ReplayOf},
)

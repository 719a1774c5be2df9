"""Compares the columns that a contract adds: what a record says, and what its row holds.

Both become one spelling of all cells. A long text is stood for by its digest: the spelling is kept
for every record until its row is found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from transforms.codecs.contract import extra_columns
from transforms.codecs.contract.language import Contract

_TEXT_CHARS_MAX = 64


class AddedColumns:
    """The columns that a contract adds to the tables of payments."""

    def __init__(self, contract: Contract) -> None:
        self.columns = extra_columns.columns_of(contract)
        self._names = [each.name for each in self.columns]
        self._spell = [_SPELL[each.type] for each in self.columns]

    def of_record(self, extras: str | None) -> str | None:
        """Returns the cells of a payment that the contract has decoded; None where it adds none."""
        if not self.columns or extras is None:
            return None
        return self._spelled(extra_columns.unpacked(extras))

    def of_row(self, cells: Mapping[str, Any]) -> str | None:
        """Returns the cells of a row, TIMESTAMPs in microseconds.

        Raises:
            KeyError, ValueError: something is missing, or is of another type.
        """
        return self._spelled([cells[name] for name in self._names]) if self.columns else None

    def _spelled(self, cells: Sequence[Any]) -> str:
        told = {
            name: None if cell is None else spell(cell)
            for name, spell, cell in zip(self._names, self._spell, cells, strict=True)
        }
        return orjson.dumps(told).decode()


def _text(value: str) -> str:
    if len(value) <= _TEXT_CHARS_MAX:
        return value
    digest = hashlib.blake2b(value.encode(), digest_size=16).hexdigest()
    return f"{len(value)} characters, blake2b {digest}"


def _numeric(value: str) -> str:
    # Decimal.normalize would round to 28 digits, and NUMERIC has 38.
    whole, _, fraction = f"{Decimal(value):f}".partition(".")
    return f"{whole}.{fraction}".rstrip("0").rstrip(".") if fraction else whole


# TO_JSON_STRING quotes integers beyond 2^53; of a FLOAT64 that is whole JSON may have no fraction.
_SPELL: Mapping[str, Callable[[Any], str | int | float]] = {
    "STRING": _text,
    "INT64": int,
    "BOOL": bool,
    "FLOAT64": lambda value: float(value) + 0.0,  # no negative zero
    "NUMERIC": _numeric,
    "TIMESTAMP": int,
}

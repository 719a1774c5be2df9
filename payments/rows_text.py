"""Rows of a query, for people and for programs: the same for all that prints some.

Needs tabulate; nothing that is loaded for --help imports this.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tabulate import tabulate

_CELL_CHARS_MAX = 80
_NUMBERS = (int, float, decimal.Decimal)


def aligned(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns a table whose numbers stand right, digit for digit as they are.

    A long cell is cut, and what would command a terminal is escaped: payloads are of others.
    """
    held = [list(row) for row in rows]
    numeric = [_is_numeric(row[at] for row in held) for at in range(len(columns))]
    cells = [[_cell(value) for value in row] for row in held]
    align = ["right" if each else "left" for each in numeric]
    # tabulate takes no alignment for a table without rows.
    colalign = align if cells else None
    return tabulate(cells, headers=list(columns), disable_numparse=True, colalign=colalign)


def documents(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Returns the rows as JSON takes them: exact numbers and times as text, bytes as base64."""
    return [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]


def _is_numeric(values: Iterable[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(
        isinstance(value, _NUMBERS) and not isinstance(value, bool) for value in known
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    plain = _plain(value)
    if isinstance(value, bytes):
        plain = value.decode(errors="backslashreplace")
    text = str(plain)
    if not text.isprintable():
        text = ascii(text)[1:-1]
    return text if len(text) <= _CELL_CHARS_MAX else f"{text[: _CELL_CHARS_MAX - 1]}…"


_PLAIN: dict[type, Callable[[Any], Any]] = {
    dt.datetime: lambda value: value.isoformat(sep=" ").replace("+00:00", ""),
    dt.date: lambda value: value.isoformat(),
    dt.time: lambda value: value.isoformat(),
    decimal.Decimal: lambda value: f"{value:f}",
    bytes: lambda value: base64.b64encode(value).decode(),
    float: lambda value: value if math.isfinite(value) else str(value),
    dict: lambda value: {name: _plain(each) for name, each in value.items()},
    list: lambda value: [_plain(each) for each in value],
}


def _plain(value: Any) -> Any:
    convert = _PLAIN.get(type(value))
    return value if convert is None else convert(value)

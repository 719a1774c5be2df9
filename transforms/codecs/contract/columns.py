"""The columns that a contract keeps beside a payment: typed extra ones, and the rest as JSON."""

from __future__ import annotations

import base64
import decimal
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from transforms.codecs.contract import amount_kinds, amounts, times
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Amount, Column, Contract, Extra, Field
from transforms.codecs.contract.paths import MISSING, Scope, getter
from transforms.codecs.contract.schema_values import Days, Moment, Scaled
from transforms.payment.dead_letter import Reason, Rejected

_INT64 = range(-(2**63), 2**63)
_NUMERIC_WHOLE_MAX, _NUMERIC_SCALE_MAX = 29, 9
# 13 to 19 digits as cards have them, in groups or not; what begins with 1 is more often a time.
_CARD = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")
_SHOWN = 4

ReadColumn = Callable[[Scope], Any]


def reader(column: Column) -> ReadColumn:
    """Returns the function that gives a column's value, None for what is absent."""
    path = column.field.paths[0]
    get, of_value = getter(path), _of_value(column, path.text)

    def read(scope: Scope) -> Any:
        value = get(scope)
        return None if value is None or value is MISSING else of_value(value, scope)

    return read


def _of_value(column: Column, what: str) -> Callable[[Any, Scope], Any]:
    match column.type:
        case "STRING":
            return lambda value, scope: value if type(value) is str else _json(value)
        case "TIMESTAMP":
            to_us = times.reader(column.field, what)
            return lambda value, scope: to_us(value)
        case "NUMERIC":
            return _numeric(column, what)
    fits, required = _FITS[column.type]

    def checked(value: Any, scope: Scope) -> Any:
        if not fits(value):
            raise _wrong(column, what, required, value)
        return value

    return checked


_FITS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "INT64": (lambda value: type(value) is int and value in _INT64, "a whole number of 64 bits"),
    "BOOL": (lambda value: type(value) is bool, "true or false"),
    "FLOAT64": (
        lambda value: type(value) in (int, float) and math.isfinite(value),
        "a finite number",
    ),
}


def _wrong(column: Column, what: str, required: str, value: Any) -> Exception:
    return Rejected(
        Reason.WRONG_TYPE,
        f"{what} must be {required} for the column {column.name}, got {kind_of(value)}",
    )


def _numeric(column: Column, what: str) -> Callable[[Any, Scope], Any]:
    """Returns the function that gives a decimal, exact or not at all."""
    field = Field("column", column.field.paths, "decimal", column.field.line, amount=Amount())
    path, of_value = field.paths[0], amount_kinds.value_reader(field)

    def read(value: Any, scope: Scope) -> Any:
        found = (value.unscaled, value.scale) if isinstance(value, Scaled) else None
        unscaled, scale = found or of_value(value, scope)
        text = amounts.spelled(unscaled, amount_kinds.checked_scale(path, scale or 0))
        whole, _, fraction = text.lstrip("-").partition(".")
        if len(whole) > _NUMERIC_WHOLE_MAX or len(fraction.rstrip("0")) > _NUMERIC_SCALE_MAX:
            required = f"of {_NUMERIC_WHOLE_MAX} digits and {_NUMERIC_SCALE_MAX} behind the point"
            raise _wrong(column, what, required, value)
        return decimal.Decimal(text)

    return read


def extra_reader(extra: Extra, contract: Contract) -> ReadColumn:
    """Returns the function that gives the rest of a record as JSON text."""
    mapped = [
        path.segments for path in contract.paths() if path.origin == "inner" and path.segments
    ]
    left_out = _tree([*mapped, *extra.without])

    def read(scope: Scope) -> str:
        return _json(_masked(_without(scope.inner, left_out)))

    return read


def _tree(paths: Sequence[Sequence[str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=len, reverse=True):
        inner = tree
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
            if inner is None:  # pragma: no cover  the longer ones come first
                break
        inner[path[-1]] = None
    return tree


def _without(value: Any, tree: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: _without(each, tree.get(name, {}))
        for name, each in value.items()
        if tree.get(name, {}) is not None
    }


def _masked(value: Any) -> Any:
    """Returns a value in which what looks like the number of a card shows its last digits only."""
    if isinstance(value, dict):
        return {_hide(name): _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    if isinstance(value, str):
        return _hide(value)
    if type(value) is int and value > 10**12:
        hidden = _hide(str(value))
        return value if hidden == str(value) else hidden
    return value


def _hide(text: str) -> str:
    return _CARD.sub(lambda match: _hidden(match.group()), text)


def _hidden(number: str) -> str:
    digits = [int(each) for each in number if each.isdecimal()]
    if not is_luhn(digits):
        return number
    return "*" * (len(digits) - _SHOWN) + "".join(map(str, digits[-_SHOWN:]))


def is_luhn(digits: Sequence[int]) -> bool:
    """Returns whether the last digit is the check digit of a card's number."""
    doubled = [2 * each - 9 * (each > 4) for each in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=plain).decode()
    except orjson.JSONEncodeError as error:
        raise Rejected(Reason.WRONG_TYPE, f"no JSON: {str(error)[:100]}") from None


def plain(value: Any) -> Any:
    """Returns what JSON has for a value that it does not know."""
    match value:
        case Scaled(unscaled, scale) if abs(scale) < 100:
            return amounts.spelled(unscaled, scale)
        case Moment(ticks=ticks):
            return ticks
        case Days(days):
            return days
        case bytes():
            return base64.b64encode(value).decode()
    raise TypeError(f"no JSON of {type(value).__name__}")

"""Columns of values that are all plain: the same answers as `texts`, `times` and `amount_kinds`.

Each function takes the values of one field and returns what the payments hold, or None where one
of them is not plain: then each is read by itself, and may be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transforms.codecs import batch_decode
from transforms.codecs.contract import amount_kinds, json_text, times
from transforms.codecs.contract.language import Field
from transforms.codecs.contract.schema_values import Moment, Scaled
from transforms.payment.rules import MINOR_DIGITS

OfValues = Callable[[Sequence[Any]], Sequence[Any] | None]
# The JSON of the records, none of values that were not read from JSON.
Raws = Sequence[bytes]
Minors = Sequence[int] | None
# Takes values, currencies, JSON, and whether names in it may be written as escapes.
OfAmounts = Callable[[Sequence[Any], Sequence[str], Raws, bool], Minors]

_NONE = type(None)
_NUMBERS = {int, float}
_DOUBLE_MAX = 10**amount_kinds.DOUBLE_DIGITS
_FACTORS = {currency: 10**digits for currency, digits in MINOR_DIGITS.items()}


def of_field(field: Field) -> OfValues | None:
    """Returns how a field other than the amount is read, None where each must be by itself."""
    if field.otherwise:
        return None
    if field.name == "event_time":
        return _of_time(field)
    if field.before or field.after or field.names or field.kind not in ("text", "id"):
        return None
    if field.optional:
        return _optional_texts(field.absent) if field.case is None else None
    return _texts(field.case)


def _texts(case: str | None) -> OfValues:
    change = {None: None, "upper": str.upper, "lower": str.lower}[case]

    def plain(values: Sequence[Any]) -> Sequence[str] | None:
        if set(map(type, values)) != {str}:
            return None
        return values if change is None else list(map(change, values))

    return plain


def _optional_texts(absent: str | None) -> OfValues:
    def plain(values: Sequence[Any]) -> Sequence[str | None] | None:
        if not {str, _NONE}.issuperset(map(type, values)):
            return None
        return [absent if each is None else each for each in values]

    return plain


def _of_time(field: Field) -> OfValues | None:
    if field.kind in ("rfc3339", "rfc3339_utc"):
        return _rfc3339
    if field.kind == "timestamp":
        return _moments
    per_second = times.PER_SECOND.get(field.kind)
    return None if per_second is None else lambda values: _epochs(values, per_second)


def _rfc3339(values: Sequence[Any]) -> Sequence[int] | None:
    return batch_decode.micros(values) if set(map(type, values)) == {str} else None


def _moments(values: Sequence[Any]) -> Sequence[int] | None:
    if set(map(type, values)) != {Moment}:
        return None
    ticks, per_second, local = zip(*values, strict=True)
    if any(local) or len(set(per_second)) != 1:
        return None
    return _epochs(ticks, per_second[0])


def _epochs(values: Sequence[Any], per_second: int) -> Sequence[int] | None:
    if set(map(type, values)) != {int}:
        return None
    micros = [times.ticks_to_us(each, per_second) for each in values]
    in_range = times.PLAUSIBLE_US
    return micros if min(micros) in in_range and max(micros) in in_range else None


def of_amount(field: Field) -> OfAmounts | None:
    """Returns how amounts become minor units, None where each must be read by itself."""
    if field.otherwise or field.amount.digits_at is not None:
        return None
    match field.kind:
        case "minor_integer":
            # In ISO's digits they are what they are.
            return _integers if field.amount.digits is None else None
        case "avro_decimal":
            return _scaled
        case "decimal_number":
            return _doubles(field)
    return None


def _integers(
    values: Sequence[Any], currencies: Sequence[str], raws: Raws, escaped: bool
) -> Minors:
    return values if set(map(type, values)) == {int} else None


def _scaled(values: Sequence[Any], currencies: Sequence[str], raws: Raws, escaped: bool) -> Minors:
    if set(map(type, values)) != {Scaled}:
        return None
    minors = []
    for (unscaled, scale), currency in zip(values, currencies, strict=True):
        more = MINOR_DIGITS.get(currency, -1) - scale
        if more < 0 or scale < 0:
            return None
        minors.append(unscaled * 10**more)
    return minors


def _doubles(field: Field) -> OfAmounts:
    guard = json_text.guard_of(field.paths[0].segments)

    def plain(
        values: Sequence[Any], currencies: Sequence[str], raws: Raws, escaped: bool
    ) -> Minors:
        if not _NUMBERS.issuperset(map(type, values)):
            return None
        if raws and (guard is None or any(guard.may_be_longer(raw, escaped) for raw in raws)):
            return None
        factors = [_FACTORS.get(each, 0) for each in currencies]
        minors = [_rounded(each * factor) for each, factor in zip(values, factors, strict=True)]
        # A double of at most 15 digits is the nearest of one such decimal only: when the division
        # gives it back, it is that decimal, which has no more digits than the currency.
        triples = zip(values, factors, minors, strict=True)
        exact = all(
            factor and -_DOUBLE_MAX < minor < _DOUBLE_MAX and minor / factor == value
            for value, factor, minor in triples
        )
        return minors if exact else None

    return plain


def _rounded(number: float) -> int:
    return round(number) if -_DOUBLE_MAX < number < _DOUBLE_MAX else _DOUBLE_MAX

"""Columns of values that are all plain: the same answers as `texts`, `times` and `amount_kinds`.

Each function takes the values of one field and returns what the payments hold, or None where one
of them is not plain: then each is read by itself, and may be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transforms.codecs import batch_decode
from transforms.codecs.contract import amount_kinds, times
from transforms.codecs.contract.amount_kinds import Read
from transforms.codecs.contract.language import TIME_KINDS, Field
from transforms.codecs.contract.schema_values import Moment, Scaled

OfValues = Callable[[Sequence[Any]], Sequence[Any] | None]
_NONE = type(None)


def of_field(field: Field) -> OfValues | None:
    """Returns how a field other than the amount is read, None where each must be by itself."""
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


def of_amount(field: Field) -> Callable[[Sequence[Any]], Sequence[Read] | None] | None:
    """Returns how an amount is read, None where each must be by itself."""
    match field.kind:
        case "minor_integer":
            return _integers
        case "avro_decimal":
            return _scaled
    return None


def _integers(values: Sequence[Any]) -> Sequence[Read] | None:
    return [(each, None) for each in values] if set(map(type, values)) == {int} else None


def _scaled(values: Sequence[Any]) -> Sequence[Read] | None:
    if set(map(type, values)) != {Scaled}:
        return None
    return values if all(each.scale in amount_kinds.SCALES for each in values) else None

"""Values to amounts that are not yet in minor units: one function for each way to write them."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any

from transforms.codecs.contract import json_text
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Field, Path
from transforms.codecs.contract.paths import MISSING, Scope, follow
from transforms.codecs.contract.schema_values import Scaled
from transforms.payment.dead_letter import Reason, Rejected

# A double keeps 15 digits of any decimal: 0 of 20,000 differ; of 17 digits, four of five do.
DOUBLE_DIGITS = 15
# Beyond these no currency and no database column goes; a power of ten must have a bound.
SCALES = range(-30, 61)
_UNSCALED_BYTES_MAX = 32
_DECIMAL = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,40}", re.ASCII)
_REPR = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:e([-+][0-9]+))?", re.ASCII)

Read = tuple[int, int | None]
# Reads the value that lies at the path of an amount.
OfValue = Callable[[Any, Scope], Read]


def value_reader(field: Field) -> OfValue:
    """Returns the function that reads the value which lies at the path of an amount."""
    return _READERS[field.kind](field)


def _wrong_type(path: Path, required: str, value: object) -> Exception:
    return Rejected(Reason.WRONG_TYPE, f"{path.text} must be {required}, got {kind_of(value)}")


def _bad(path: Path, required: str, value: object) -> Exception:
    return Rejected(Reason.BAD_AMOUNT, f"{path.text} must be {required}, got {str(value)[:40]!r}")


def checked_scale(path: Path, scale: object) -> int:
    """Returns a scale. Raises Rejected for one that no amount has: 10 to its power is computed."""
    if type(scale) is not int or scale not in SCALES:
        raise _bad(path, f"of a scale from {SCALES.start} to {SCALES.stop - 1}", scale)
    return scale


def _minor_integer(field: Field) -> OfValue:
    path = field.paths[0]

    def read(value: Any, scope: Scope) -> Read:
        # bool is a subclass of int: `true` is not an amount.
        if type(value) is not int:
            raise _wrong_type(path, "an integer", value)
        return value, None

    return read


def _minor_text(field: Field) -> OfValue:
    path = field.paths[0]

    def read(value: Any, scope: Scope) -> Read:
        if type(value) is not str:
            raise _wrong_type(path, "a string of digits", value)
        if not _WHOLE.fullmatch(value):
            raise _bad(path, "a whole number of minor units", value)
        return int(value), None

    return read


def _decimal_text(field: Field) -> OfValue:
    path, mark = field.paths[0], field.amount.decimal_mark
    before, after = field.before, field.after

    def read(value: Any, scope: Scope) -> Read:
        if type(value) is not str:
            raise _wrong_type(path, "a string such as '12.50'", value)
        text = part(value, before, after, path.text)
        if mark != ".":
            text = "?" if "." in text else text.replace(mark, ".")
        match = _DECIMAL.fullmatch(text)
        if not match:
            raise _bad(path, f"a decimal such as 12{mark}50", value)
        sign, whole, fraction = match.groups(default="")
        return int(f"{sign}{whole}{fraction}"), len(fraction)

    return read


def part(text: str, before: str | None, after: str | None, what: str) -> str:
    """Returns the part of a text before, and after, what separates it."""
    if before is None and after is None:
        return text
    for separator, side in ((before, 0), (after, 2)):
        if separator is None:
            continue
        parts = text.partition(separator)
        if not parts[1]:
            raise Rejected(Reason.WRONG_TYPE, f"{what} must hold {separator!r}, got {text[:40]!r}")
        text = parts[side]
    return text


def _decimal_number(field: Field) -> OfValue:
    path = field.paths[0]
    guard, is_inner = json_text.guard_of(path.segments), path.origin == "inner"

    def read(value: Any, scope: Scope) -> Read:
        if type(value) is int:
            return value, 0
        if type(value) is not float:
            raise _wrong_type(path, "a number", value)
        raw = scope.raw_of(path.origin)
        if raw is not None and (
            guard is None or guard.may_be_longer(raw, scope.escaped or not is_inner)
        ):
            longer = json_text.spelled_longer(raw, value, DOUBLE_DIGITS)
            if longer is not None:
                raise _not_exact(path, longer)
        return _of_double(path, value)

    return read


def _of_double(path: Path, value: float) -> Read:
    text = repr(value)
    if len(text) <= DOUBLE_DIGITS and "e" not in text and text[-1].isdecimal():
        whole, _, fraction = text.partition(".")
        return int(whole + fraction), len(fraction)
    match = _REPR.fullmatch(repr(value))
    if not match:
        raise _bad(path, "a finite number", value)
    sign, whole, fraction, exponent = match.groups(default="")
    digits = f"{whole}{fraction}"
    if len(digits.strip("0")) > DOUBLE_DIGITS:
        raise _not_exact(path, repr(value))
    scale = len(fraction) - int(exponent or "0")
    unscaled = int(f"{sign}{digits}")
    return (unscaled, checked_scale(path, scale)) if unscaled else (0, 0)


def _not_exact(path: Path, got: str) -> Exception:
    return Rejected(
        Reason.AMOUNT_NOT_EXACT,
        f"{path.text} is a number that keeps {DOUBLE_DIGITS} digits, got {got[:40]}. "
        "Hint: send it as a text",
    )


def _decimal(field: Field) -> OfValue:
    of_text, of_number = _decimal_text(field), _decimal_number(field)
    return lambda value, scope: (of_text if type(value) is str else of_number)(value, scope)


def _unscaled(path: Path, value: Any) -> int:
    """Returns Connect's two's complement number, of base64 in JSON and of bytes in Avro."""
    if type(value) is str:
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise _bad(path, "base64 of a decimal's bytes", value) from None
    if type(value) is not bytes:
        raise _wrong_type(path, "base64 or bytes", value)
    if not 1 <= len(value) <= _UNSCALED_BYTES_MAX:
        raise _bad(path, f"of 1 to {_UNSCALED_BYTES_MAX} bytes", f"{len(value)} bytes")
    return int.from_bytes(value, "big", signed=True)


def _connect_decimal(field: Field) -> OfValue:
    path, scale = field.paths[0], field.amount.scale

    def read(value: Any, scope: Scope) -> Read:
        if isinstance(value, Scaled):
            return value.unscaled, checked_scale(path, value.scale)
        of = scale if scale is not None else _connect_scale(path, scope)
        return _unscaled(path, value), checked_scale(path, of)

    return read


def _connect_scale(path: Path, scope: Scope) -> int:
    """Returns the scale that Connect's schema beside the payload gives to the field."""
    schema = follow(scope.outer, ["schema"])
    for name in path.segments:
        fields = follow(schema, ["fields"])
        if not isinstance(fields, list):
            break
        schema = next((each for each in fields if follow(each, ["field"]) == name), MISSING)
    scale = follow(schema, ["parameters", "scale"])
    if not isinstance(scale, str) or not _WHOLE.fullmatch(scale):
        raise Rejected(
            Reason.MISSING_FIELD,
            f"the scale of {path.text} is required in the record's schema. Hint: `scale:` says it "
            "where schemas.enable is off",
        )
    return int(scale)


def _variable_scale(field: Field) -> OfValue:
    path = field.paths[0]

    def read(value: Any, scope: Scope) -> Read:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object of scale and value", value)
        scale, unscaled = value.get("scale"), value.get("value")
        if scale is None or unscaled is None:
            raise Rejected(Reason.MISSING_FIELD, f"{path.text} must hold scale and value")
        return _unscaled(path, unscaled), checked_scale(path, scale)

    return read


def _avro_decimal(field: Field) -> OfValue:
    path = field.paths[0]

    def read(value: Any, scope: Scope) -> Read:
        if not isinstance(value, Scaled):
            raise _wrong_type(path, "a decimal by its schema", value)
        return value.unscaled, checked_scale(path, value.scale)

    return read


def _units_nanos(field: Field) -> OfValue:
    path = field.paths[0]

    def read(value: Any, scope: Scope) -> Read:
        if not isinstance(value, dict):
            raise _wrong_type(path, "an object of units and nanos", value)
        units, nanos = value.get("units", 0), value.get("nanos", 0)
        if type(units) is str and _WHOLE.fullmatch(units):  # int64 in Protobuf's JSON
            units = int(units)
        if type(units) is not int or type(nanos) is not int:
            raise _bad(path, "of whole units and nanos", f"{units}, {nanos}")
        if abs(nanos) >= 10**9 or units * nanos < 0:
            raise _bad(path, "of nanos below 10^9 with the sign of units", f"{units}, {nanos}")
        return units * 10**9 + nanos, 9

    return read


_READERS: Mapping[str, Callable[[Field], OfValue]] = {
    "minor_integer": _minor_integer,
    "minor_text": _minor_text,
    "decimal_text": _decimal_text,
    "decimal_number": _decimal_number,
    "decimal": _decimal,
    "connect_decimal": _connect_decimal,
    "variable_scale": _variable_scale,
    "avro_decimal": _avro_decimal,
    "units_nanos": _units_nanos,
}

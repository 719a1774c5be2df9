"""Amounts as a contract has them written: the inverse of its kinds, in whole numbers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from simulator.contracts.forms import Leaf
from transforms.codecs.contract.language import Field
from transforms.codecs.contract.load_amount import MINOR_KINDS
from transforms.payment.rules import MINOR_DIGITS

_DOUBLE_MAX = 10**15 - 1  # more digits than 15 are no longer exact
_ANY_SCALE = 30

# Writes unscaled × 10^-scale; the value that is there now may say in which form.
Write = Callable[[int, int, Any], Any]


def scale_max(field: Field, leaf: Leaf, currency: str) -> int | None:
    """Returns how many digits behind the point can be written, None: the currency cannot."""
    if is_in_minor_units(field):
        return source_digits(field, currency)
    if field.kind in ("avro_decimal", "connect_decimal"):
        return leaf.scale if leaf.scale is not None else field.amount.scale or 0
    return 9 if field.kind == "units_nanos" else _ANY_SCALE


def is_in_minor_units(field: Field) -> bool:
    """Returns whether an amount is written in digits that the record does not say."""
    return field.kind in MINOR_KINDS and field.amount.digits_at is None


def source_digits(field: Field, currency: str) -> int | None:
    """Returns the digits of minor units that this source gives to a currency."""
    digits = field.amount.digits
    if digits is None:
        return MINOR_DIGITS.get(currency, 0)
    if isinstance(digits, int):
        return digits
    return digits.get(currency, MINOR_DIGITS.get(currency, 0))


def sayable(field: Field, leaf: Leaf, minor: int, currency: str) -> int:
    """Returns the amount, in ISO minor units, cut to what can be written exactly."""
    digits, most = MINOR_DIGITS[currency], scale_max(field, leaf, currency) or 0
    if field.kind in ("decimal_number", "decimal"):
        minor = min(minor, _DOUBLE_MAX)
    step: int = 10 ** max(0, digits - most)
    return max(step, minor - minor % step)


def spelled(unscaled: int, scale: int) -> str:
    """Returns a decimal as text."""
    sign, digits = "-" if unscaled < 0 else "", str(abs(unscaled)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}" if scale else sign + digits


def two_complement(number: int, size: int | None = None) -> bytes:
    """Returns a whole number as the bytes of a decimal."""
    if size is None:
        size = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return number.to_bytes(size, "big", signed=True)


def writer(field: Field, leaf: Leaf, binary: bool) -> Write:
    """Returns the function that writes an amount.

    Args:
        field: of the amount.
        leaf: what the schema says of it.
        binary: whether bytes are bytes; in JSON they are base64.
    """
    kind, mark = field.kind, field.amount.decimal_mark

    def raw(number: int, size: int | None = None) -> Any:
        found = two_complement(number, size)
        return found if binary else base64.b64encode(found).decode()

    def number(unscaled: int, scale: int, now: Any) -> Any:
        return float(spelled(unscaled, scale)) if scale else unscaled

    def text(unscaled: int, scale: int, now: Any) -> str:
        return spelled(unscaled, scale).replace(".", mark)

    def decimal(unscaled: int, scale: int, now: Any) -> Any:
        return (text if isinstance(now, str) else number)(unscaled, scale, now)

    def scaled(unscaled: int, scale: int, now: Any) -> Any:
        wanted = leaf.scale if leaf.scale is not None else field.amount.scale or 0
        # Cut to what can be said before: the division leaves no rest.
        more = wanted - scale
        return raw(unscaled * 10**more if more >= 0 else unscaled // 10**-more, leaf.size)

    def units(unscaled: int, scale: int, now: Any) -> Any:
        whole, rest = divmod(abs(unscaled), 10**scale)
        sign = -1 if unscaled < 0 else 1
        around = dict(now) if isinstance(now, dict) else {}
        found = str(sign * whole) if isinstance(around.get("units"), str) else sign * whole
        return {**around, "units": found, "nanos": sign * rest * 10 ** (9 - scale)}

    return {
        "minor_integer": lambda unscaled, scale, now: unscaled,
        "minor_text": lambda unscaled, scale, now: str(unscaled),
        "decimal_text": text,
        "decimal_number": number,
        "decimal": decimal,
        "connect_decimal": scaled,
        "avro_decimal": scaled,
        "variable_scale": lambda unscaled, scale, now: {"scale": scale, "value": raw(unscaled)},
        "units_nanos": units,
    }[kind]


def written(field: Field, minor: int, currency: str) -> tuple[int, int]:
    """Returns (unscaled, scale) of an amount: minor units are in the source's own digits."""
    digits = MINOR_DIGITS[currency]
    if not is_in_minor_units(field):
        return minor, digits
    by = (source_digits(field, currency) or 0) - digits
    # Cut to what can be said before: the division leaves no rest.
    return (minor * 10**by if by >= 0 else minor // 10**-by), 0

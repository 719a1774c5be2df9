"""Amounts to whole minor units, exactly or not at all.

An amount is read as (unscaled, scale): 12.50 is (1250, 2). A scale of None means minor units in
the digits that the source gives to the currency. Everything is computed in integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transforms.codecs.contract import amount_kinds
from transforms.codecs.contract.amount_kinds import Read
from transforms.codecs.contract.language import DIGITS_MAX, Amount, Field, Path
from transforms.codecs.contract.paths import MISSING, Scope, getter, why_missing
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.rules import MINOR_DIGITS

Reader = Callable[[Scope], Read]
_DIGITS = range(DIGITS_MAX + 1)


def reader(field: Field) -> Reader:
    """Returns the function that reads the amount of a record, not yet in minor units."""
    path = field.paths[0]
    get, of_value = getter(path), amount_kinds.value_reader(field)
    if field.amount.digits_at is not None:
        of_value = _by_digits_of_record(field.amount.digits_at, of_value)

    def read(scope: Scope) -> Read:
        value = get(scope)
        if value is None or value is MISSING:
            raise Rejected(Reason.MISSING_FIELD, why_missing(path, scope))
        return of_value(value, scope)

    return read


def _by_digits_of_record(path: Path, of_value: amount_kinds.OfValue) -> amount_kinds.OfValue:
    """Returns the function that reads minor units whose digits the record says."""
    get = getter(path)

    def read(value: Any, scope: Scope) -> Read:
        digits = get(scope)
        if digits is None or digits is MISSING:
            raise Rejected(Reason.MISSING_FIELD, why_missing(path, scope))
        if type(digits) is str and digits.isascii() and digits.isdecimal() and len(digits) < 3:
            digits = int(digits)
        if type(digits) is not int or digits not in _DIGITS:
            raise Rejected(
                Reason.BAD_AMOUNT,
                f"{path.text} must be digits from 0 to {_DIGITS[-1]}, got {str(digits)[:40]!r}",
            )
        return of_value(value, scope)[0], digits

    return read


def to_minor(read: Read, amount: Amount, currency: str) -> int:
    """Returns the amount in ISO minor units of the currency.

    Raises:
        Rejected: the currency is none, or the amount has more digits than it.
    """
    unscaled, scale = read
    if scale is None:
        if amount.digits is None:
            return unscaled
        scale = _source_digits(amount.digits, currency)
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        raise Rejected(
            Reason.UNKNOWN_CURRENCY, f"currency must be an ISO 4217 code, got {currency[:80]!r}"
        )
    factor: int = 10 ** abs(digits - scale)
    if scale <= digits:
        return unscaled * factor
    minor, rest = divmod(unscaled, factor)
    if rest:
        raise Rejected(
            Reason.AMOUNT_NOT_EXACT,
            f"{currency} has {digits} digits after the point, got {spelled(unscaled, scale)}",
        )
    return minor


def spelled(unscaled: int, scale: int) -> str:
    """Returns a decimal as text."""
    sign, digits = "-" if unscaled < 0 else "", str(abs(unscaled))
    if scale <= 0:
        return sign + digits + "0" * -scale
    digits = digits.rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


def _source_digits(digits: int | Mapping[str, int | None], currency: str) -> int:
    if isinstance(digits, int):
        return digits
    found = digits.get(currency, MINOR_DIGITS.get(currency, 0))
    if found is None:
        raise Rejected(
            Reason.AMOUNT_NOT_EXACT,
            f"how many digits this source gives to {currency} is not known: `digits` must say it",
        )
    return found

"""Values to the texts of a payment: ids, types, currencies, countries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import iso4217

from transforms.codecs.contract import amount_kinds
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Field
from transforms.codecs.contract.paths import MISSING, Getter, Scope, getter, why_missing
from transforms.payment.dead_letter import Reason, Rejected

_ID_REASONS = {
    "transaction_id": Reason.BAD_TRANSACTION_ID,
    "account_id": Reason.BAD_ACCOUNT_ID,
    "merchant_id": Reason.BAD_MERCHANT_ID,
    "device_id": Reason.BAD_DEVICE_ID,
}
_BY_NUMBER = {each.number: each.code for each in iso4217.Currency if each.number is not None}

Reader = Callable[[Scope], str | None]


def reader(field: Field) -> Reader:
    """Returns the function that reads the text of a record; None is an absent optional one."""
    if field.const is not None:
        const = field.const
        return lambda scope: const
    if len(field.paths) > 1:
        return _joined(field)
    if not field.paths:
        absent = field.absent
        return lambda scope: absent
    return _single(field)


def _single(field: Field) -> Reader:
    path = field.paths[0]
    get, of_value = getter(path), _of_value(field, path.text)
    plain = not (field.before or field.after or field.case or field.names)
    plain = plain and field.kind != "iso_numeric"

    def read(scope: Scope) -> str | None:
        value = get(scope)
        if plain and type(value) is str:
            return value
        if value is None or value is MISSING:
            if field.optional:
                return field.absent
            raise Rejected(Reason.MISSING_FIELD, why_missing(path, scope))
        return of_value(value)

    return read


def _joined(field: Field) -> Reader:
    parts = [(path, getter(path)) for path in field.paths]
    finish = _finished(field, field.name)

    def read(scope: Scope) -> str | None:
        texts = [_part(field, path.text, get, scope) for path, get in parts]
        if None in texts:
            if field.optional:
                return field.absent
            path = parts[texts.index(None)][0]
            raise Rejected(Reason.MISSING_FIELD, why_missing(path, scope))
        return finish(field.separator.join(text for text in texts if text is not None))

    return read


def _part(field: Field, what: str, get: Getter, scope: Scope) -> str | None:
    value = get(scope)
    if value is None or value is MISSING:
        return None
    text = _plain_text(value, what, strict=False)
    # a:b joined with c would be the same id as a joined with b:c.
    if field.name in _ID_REASONS and field.separator and field.separator in text:
        raise Rejected(
            _ID_REASONS[field.name],
            f"{what} must not hold the separator {field.separator!r}, got {text[:80]!r}. "
            "Hint: `separator:` names another",
        )
    return text


def _of_value(field: Field, what: str) -> Callable[[Any], str]:
    strict, finish = field.kind == "text" and not field.names, _finished(field, what)
    if field.kind == "iso_numeric":
        return lambda value: finish(_currency_of_number(value, what))
    return lambda value: finish(_plain_text(value, what, strict, bool(field.names)))


def _plain_text(value: Any, what: str, strict: bool, booleans: bool = False) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is int and not strict:
        return str(value)
    if kind is bool and booleans:
        return "true" if value else "false"
    required = "a string" if strict else "a string or a whole number"
    raise Rejected(Reason.WRONG_TYPE, f"{what} must be {required}, got {kind_of(value)}")


def _finished(field: Field, what: str) -> Callable[[str], str]:
    before, after, case, names = field.before, field.after, field.case, field.names

    def finish(text: str) -> str:
        text = amount_kinds.part(text, before, after, what)
        if case is not None:
            text = text.upper() if case == "upper" else text.lower()
        return text if names is None else _renamed(field, what, text)

    return finish


def _renamed(field: Field, what: str, text: str) -> str:
    assert field.names is not None
    found = field.names.get(text)
    if found is None:
        of_type = field.name == "payment_type"
        raise Rejected(
            Reason.UNKNOWN_PAYMENT_TYPE if of_type else Reason.UNKNOWN_STATE,
            f"{what} must be one of {', '.join(sorted(field.names))[:200]}, got {text[:80]!r}",
        )
    return found


def _currency_of_number(value: Any, what: str) -> str:
    text = _plain_text(value, what, strict=False)
    code = _BY_NUMBER.get(int(text)) if text.isascii() and text.isdecimal() else None
    if code is None or len(text) > 3:
        raise Rejected(
            Reason.UNKNOWN_CURRENCY, f"{what} must be an ISO 4217 number, got {text[:80]!r}"
        )
    return code

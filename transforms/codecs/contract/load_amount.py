"""The amount of a contract, from YAML to data."""

from __future__ import annotations

from collections.abc import Mapping

from transforms.codecs.contract.language import (
    AMOUNT_KINDS,
    DIGITS_MAX,
    DIGITS_OF,
    Amount,
    Field,
    Path,
)
from transforms.codecs.contract.load_paths import part_of, path_of, paths_of
from transforms.codecs.contract.mistakes import Reading, Section, one_of
from transforms.codecs.contract.yaml_tree import Value
from transforms.payment.rules import MINOR_DIGITS

MINOR_KINDS = ("minor_integer", "minor_text")
_AMOUNT_KEYS = (
    *("at", "as", "digits", "scale", "decimal_mark", "before", "after"),
    *("negative_is", "positive_is"),
)


def amount_field(reading: Reading, where: str, value: Value) -> Field:
    """Returns the field of an amount."""
    section = reading.section(value, where, _AMOUNT_KEYS)
    section.required("as", f". Hint: {one_of(AMOUNT_KINDS)}")
    section.required("at")
    kind = section.choice("as", AMOUNT_KINDS, "minor_integer")
    amount = Amount(
        digits=_digits(section, kind),
        digits_at=_digits_at(section, kind),
        scale=_scale(section, kind),
        decimal_mark=section.choice("decimal_mark", (".", ","), "."),
        negative_is=section.choice("negative_is", sorted(reading.payment_types), "") or None,
        positive_is=section.choice("positive_is", sorted(reading.payment_types), "") or None,
    )
    for key in ("decimal_mark", "before", "after"):
        if key in section and kind not in ("decimal_text", "decimal"):
            reading.wrong(section.line_of(key), f"{where}.{key} is for a decimal text alone")
    before, after = part_of(section, "before"), part_of(section, "after")
    at = paths_of(section)
    return Field("amount", at, kind, value.line, before=before, after=after, amount=amount)


def _scale(section: Section, kind: str) -> int | None:
    value = section.get("scale")
    if value is None:
        if kind == "connect_decimal":
            section.reading.wrong(
                section.line,
                f"{section.name('scale')} is required. Hint: the scale of the column, such as 2, "
                "or `from_schema` where each record carries its schema (schemas.enable)",
            )
        return None
    if kind != "connect_decimal":
        section.reading.wrong(
            section.line_of("scale"), f"{section.name('scale')} is for connect_decimal alone"
        )
        return None
    return None if value.data == "from_schema" else section.whole("scale", -DIGITS_MAX, 60)


def _digits(section: Section, kind: str) -> int | Mapping[str, int | None] | None:
    value = section.get("digits")
    if value is None:
        return None
    where = section.name("digits")
    if kind not in MINOR_KINDS:
        section.reading.wrong(
            section.line_of("digits"), f"{where} is for minor units alone, and {kind} has none"
        )
        return None
    if type(value.data) is int:
        return section.whole("digits", 0, DIGITS_MAX)
    if _says_a_path(value):
        return None
    if isinstance(value.data, str):
        return DIGITS_OF[section.choice("digits", DIGITS_OF, "iso")] or None
    return _digits_by_currency(section.reading, where, value)


def _says_a_path(value: Value) -> bool:
    return isinstance(value.data, dict) and "at" in value.data


def _digits_at(section: Section, kind: str) -> Path | None:
    """Returns where the record says its digits, None where the contract does."""
    value = section.get("digits")
    if value is None or not _says_a_path(value) or kind not in MINOR_KINDS:
        return None
    inner = section.reading.section(value, section.name("digits"), ("at",))
    at = inner.get("at")
    return path_of(section.reading, inner.name("at"), at) if at else None


def _digits_by_currency(reading: Reading, where: str, value: Value) -> Mapping[str, int | None]:
    section = reading.section(value, where, ("like", *MINOR_DIGITS))
    like = section.choice("like", DIGITS_OF, "iso")
    digits: dict[str, int | None] = dict(DIGITS_OF[like])
    if isinstance(value.data, dict):
        for code in value.data:
            if code != "like" and code in section:
                digits[code] = section.whole(code, 0, DIGITS_MAX)
    return digits

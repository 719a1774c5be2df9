"""A field that lies in one of several places, from YAML to data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from transforms.codecs.contract.language import Field
from transforms.codecs.contract.load_absent import absent_of
from transforms.codecs.contract.mistakes import Reading
from transforms.codecs.contract.yaml_tree import Value

_PLACES_MAX = 10

FieldOf = Callable[[Reading, str, str, Value], Field]


def field_of(reading: Reading, name: str, where: str, value: Value, one_field_of: FieldOf) -> Field:
    """Returns the field of `first_of`: that of its first place, which knows the others.

    Args:
        reading: what notes mistakes.
        name: what the field is in a payment.
        where: the name of the field in messages.
        value: of the field.
        one_field_of: returns the field of one place.
    """
    is_text = name not in ("amount", "event_time")
    section = reading.section(value, where, ("first_of", "absent") if is_text else ("first_of",))
    found = section.get("first_of")
    items = reading.items(found, f"{where}.first_of", "a list of places") if found else []
    if found and isinstance(found.data, list) and not 2 <= len(items) <= _PLACES_MAX:
        reading.wrong(found.line, f"{where}.first_of must be 2 to {_PLACES_MAX} places")
    fields = [
        one_field_of(reading, name, f"{where}.first_of.{place}", item)
        for place, item in enumerate(items)
    ]
    _check(reading, where, fields)
    optional, absent = absent_of(section, name) if is_text else (False, None)
    if not fields:
        return Field(name, (), "text", value.line, optional=optional, absent=absent)
    first, *others = fields
    return dataclasses.replace(
        first, line=value.line, optional=optional, absent=absent, otherwise=tuple(others)
    )


def _check(reading: Reading, where: str, fields: Sequence[Field]) -> None:
    """Notes places that are none, and amounts that would be two things in one field."""
    for place, field in enumerate(fields):
        said = f"{where}.first_of.{place}"
        if len(field.paths) > 1 or field.const is not None or field.otherwise:
            reading.wrong(field.line, f"{said} must be one path, or a mapping with `at`")
        elif field.optional:
            hint = f"Hint: `absent` of {where}, for all of them"
            reading.wrong(field.line, f"{said}.absent is no key here. {hint}")
        elif _units(field) != _units(fields[0]):
            reading.wrong(
                field.line, f"{said} must have the digits and signs of {where}.first_of.0"
            )


def _units(field: Field) -> tuple[object, ...]:
    """Returns what is asked of an amount after it was read, and so of all places alike."""
    amount = field.amount
    return amount.digits, amount.negative_is, amount.positive_is

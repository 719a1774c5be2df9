"""Names of the kinds of values, for the details of a rejection."""

from __future__ import annotations


def kind_of(value: object) -> str:
    """Returns what a value is, for a human."""
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    names |= {float: "a number with a fraction or exponent", bool: "a boolean", bytes: "bytes"}
    return names.get(type(value), "null" if value is None else type(value).__name__)

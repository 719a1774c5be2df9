"""Rejections of records, and names of values for their details."""

from __future__ import annotations

from transforms.payment.dead_letter import Reason, Rejected


def refused(reason: Reason, detail: str) -> Rejected:
    """Returns the rejection."""
    return Rejected(reason, detail)


def kind_of(value: object) -> str:
    """Returns what a value is, for a human."""
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    names |= {float: "a number with a fraction or exponent", bool: "a boolean", bytes: "bytes"}
    return names.get(type(value), "null" if value is None else type(value).__name__)

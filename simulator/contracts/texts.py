"""Texts as a contract has them written: the inverse of parts, case, maps and numbers."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import iso4217

from simulator.contracts import amounts
from simulator.contracts.forms import Leaf
from transforms.codecs.contract.language import Contract, Field

_NUMBERS = {each.code: each.number for each in iso4217.Currency if each.number is not None}
_NUMBER_BITS = 48  # as far as every reader of JSON is exact
_ID_BITS = 63


@functools.lru_cache(maxsize=1 << 16)
def number_of(text: str) -> str:
    """Returns an id as a number: the same one always, another for another."""
    if text.isdecimal() and len(text) < 16 and text[0] != "0":
        return text
    return str(1 + int.from_bytes(hashlib.sha256(text.encode()).digest()) % 2**_NUMBER_BITS)


def transaction_number(text: str) -> str:
    """Returns a transaction_id as a number. Those of one run never meet: their step is odd."""
    if text.startswith("tx-") and len(text) == 19:
        return str(int(text[3:], 16) % 2**_ID_BITS)
    return number_of(text)


def cased(field: Field, text: str) -> str:
    """Returns a text as the contract gives it back."""
    if field.case is None:
        return text
    return text.upper() if field.case == "upper" else text.lower()


def written(field: Field, text: str, leaf: Leaf, now: Any, beside: str) -> Any:
    """Returns what the record holds for a text.

    Args:
        field: of a payment.
        text: that it must mean.
        leaf: what the schema, or the sample, says of the place.
        now: what lies there.
        beside: what stands for the other part of a text, where nothing does.
    """
    if field.kind == "iso_numeric":
        text = str(_NUMBERS[text]).rjust(3, "0")
    if field.case == "upper" and not (isinstance(now, str) and now == now.upper() != now.lower()):
        text = text.lower()
    elif field.case == "lower" and isinstance(now, str) and now != now.lower():
        text = text.upper()
    if leaf.number:
        return int(text)
    return _with_parts(field, text, now if isinstance(now, str) else "", beside)


def _with_parts(field: Field, text: str, now: str, beside: str) -> str:
    head, tail = "", ""
    if field.before is not None:
        now, found, rest = now.partition(field.before)
        tail = field.before + (rest if found else beside)
        if field.name == "currency" and (not found or rest.isdecimal()):
            tail = field.before + beside
    if field.after is not None:
        first, found, _ = now.partition(field.after)
        head = (first if found else beside) + field.after
    return head + text + tail


def beside_currency(contract: Contract, currency: str) -> str:
    """Returns what stands beside a currency, as the 2 of EUR/2."""
    return str(amounts.source_digits(contract.fields["amount"], currency) or 0)

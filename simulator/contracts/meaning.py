"""Brings payments to what a contract can say: the truth of the ledger, before one is written.

A constant, a time cut to its unit, a payer whom the record does not name: the rest is left out
here, so that what is written is all that is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simulator.contracts import amounts, texts
from simulator.contracts.forms import Leaf
from simulator.contracts.times import TimeForm
from simulator.generate import Payment
from transforms.codecs.contract.language import Contract, Field

_SOME_CURRENCY = "EUR"
_OPTIONAL = ("country", "device_id")


class Meant(NamedTuple):
    """A payment as the record means it."""

    transaction_id: str
    id_parts: tuple[str, ...]  # what is joined to the id
    account_id: str | None
    merchant_id: str
    payment_type: str
    amount_minor: int
    negative: bool
    currency: str
    event_time_us: int
    country: str | None
    device_id: str | None


class Meaning:
    """Brings payments to what a contract can say.

    Args:
        contract: a checked one.
        leaves: how each field that has one path is written.
        parts: of the id: the name of the field that says a part, its text, or None for our own.
        time: how the event time is written.
        states: of paths that `keep` asks: the values of a payment, by the path's text.
    """

    def __init__(
        self,
        contract: Contract,
        leaves: Mapping[str, Leaf],
        parts: tuple[tuple[str, str] | None, ...],
        time: TimeForm,
        states: Mapping[str, tuple[object, ...]],
    ) -> None:
        self._contract = contract
        self._fields = contract.fields
        self._leaves = leaves
        self._parts = parts
        self._time = time
        separator = contract.fields["transaction_id"].separator
        self._separator = separator if len(parts) > 1 else ""
        self._types = self._payment_types(states)

    def of(self, payment: Payment, event_time_us: int) -> Meant:
        """Returns what the record of a payment means."""
        currency = self._currency(payment.currency)
        kind, negative = self._type(payment.payment_type)
        amount, leaf = self._fields["amount"], self._leaves["amount"]
        account = self._id("account_id", payment.account_id)
        merchant = self._id("merchant_id", payment.merchant_id) or ""
        time_us = self._time.sayable(event_time_us)
        said = {"account_id": account, "merchant_id": merchant, "currency": currency}
        said["event_time"] = str(self._time.write(time_us))
        parts = self._id_parts(payment.transaction_id, said)
        return Meant(
            texts.cased(self._fields["transaction_id"], self._separator.join(parts)),
            parts,
            account,
            merchant,
            kind,
            amounts.sayable(amount, leaf, payment.amount_minor, currency),
            negative,
            currency,
            time_us,
            *(self._optional(name, getattr(payment, name)) for name in _OPTIONAL),
        )

    def _optional(self, name: str, text: str | None) -> str | None:
        field = self._fields.get(name)
        return None if field is None else self._said(field, text)

    def _said(self, field: Field, text: str | None) -> str | None:
        if not field.paths:
            return field.const if field.const is not None else field.absent
        if text is None:
            return field.absent
        if field.names is not None:
            meant = sorted(set(field.names.values()))
            return text if text in meant else meant[0]
        return texts.cased(field, text)

    def _id(self, name: str, text: str) -> str | None:
        field = self._fields[name]
        if field.paths and self._leaves[name].number:
            text = texts.number_of(text)
        elif self._separator and field.paths:
            text = text.replace(self._separator, "-")
        return self._said(field, text)

    def _id_parts(self, text: str, said: Mapping[str, str | None]) -> tuple[str, ...]:
        parts: list[str] = []
        for part in self._parts:
            if part is None:
                number = self._leaves["transaction_id"].number
                ours = texts.transaction_number(text) if number else text
                parts.append(ours.replace(self._separator, "-") if self._separator else ours)
            else:
                name, constant = part
                parts.append(said.get(name) or constant)
        return tuple(parts)

    def _currency(self, currency: str) -> str:
        field = self._fields["currency"]
        if not field.paths:
            return field.const or field.absent or _SOME_CURRENCY
        if field.names is not None and currency not in field.names.values():
            return sorted(field.names.values())[0]
        amount, leaf = self._fields["amount"], self._leaves["amount"]
        known = amounts.scale_max(amount, leaf, currency) is not None
        return currency if known else _SOME_CURRENCY

    def _payment_types(self, states: Mapping[str, tuple[object, ...]]) -> tuple[str, ...]:
        field = self._fields["payment_type"]
        if not field.paths:
            return (field.const or field.absent or "",)
        if field.names is None:
            return tuple(sorted(self._contract.payment_types))
        allowed = states.get(field.paths[0].text)
        return tuple(m for text, m in field.names.items() if allowed is None or text in allowed)

    def _type(self, kind: str) -> tuple[str, bool]:
        amount = self._fields["amount"].amount
        if amount.negative_is is not None and kind == amount.negative_is:
            return kind, True
        if amount.positive_is is not None:
            return amount.positive_is, False
        return (kind if kind in self._types else self._types[0]), False

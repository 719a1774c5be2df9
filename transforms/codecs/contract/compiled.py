"""A contract as functions: each path is looked up once, and every record goes the same way."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from transforms.codecs.contract import (
    amounts,
    columns,
    extra_columns,
    formats,
    texts,
    times,
    unwrap,
)
from transforms.codecs.contract.asked_for import names_of
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import OPTIONAL, Amount, Contract, Field, Keep
from transforms.codecs.contract.paths import MISSING, Scope, getter, why_missing
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment import replay
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import Transaction

TOMBSTONE_RULE = "tombstone"


class Skipped(NamedTuple):
    """A record that is not the payment, as a rule of the contract says."""

    rule: str


# By their names, and all the same as fast as by position: keywords take twice as long.
_FIELDS = Transaction._fields
_transaction = cast(
    Callable[[Iterable[Any]], Transaction],
    functools.partial(tuple.__new__, Transaction),
)

# Returns the rule by which a record is skipped, None for one that goes on.
KeepRule = Callable[[Scope], str | None]


class Reader:
    """Reads records as a contract says. The parts are public for those who show the way.

    Attributes:
        decode: payload to scope.
        rules: each `keep`, in order, those that need nothing unwrapped first.
        rules_before: how many of them come before `steps`.
        steps: each `unwrap`, in order.
        readers: of fields, by their names, in the order in which they are read.
        constants: what fields hold that no path leads to.
        varying: the other readers.
    """

    def __init__(self, contract: Contract, schemas: SchemaSource | None) -> None:
        self.contract = contract
        self.decode = formats.decode_of(contract, schemas)
        # A rule on what is around the payload spares the others the unwrapping: a delete of
        # Debezium has nothing inside.
        outer = [each for each in contract.keep if contract.unwrap and each.at.origin != "inner"]
        self.keeps = [*outer, *(each for each in contract.keep if each not in outer)]
        self.rules = [keep_rule(each) for each in self.keeps]
        self.rules_before = len(outer)
        names = names_of(contract)
        self.steps = [unwrap.step_of(each, schemas, names) for each in contract.unwrap]
        self.readers: dict[str, Callable[[Scope], Any]] = {
            name: _field_reader(contract.fields[name]) for name in _ORDER
        }
        self._amount = contract.fields["amount"].amount
        self._bytes_max = contract.payload_bytes_max
        self._outer_rules = self.rules[: self.rules_before]
        self._inner_rules = self.rules[self.rules_before :]
        self.constants = dict(Transaction._field_defaults)
        constants = {
            name: field.absent if field.const is None else field.const
            for name, field in contract.fields.items()
            if not field.paths
        }
        self.constants |= constants
        self.varying = [
            (name, read) for name, read in self.readers.items() if name not in constants
        ]
        self.columns = [columns.reader(each) for each in contract.columns]
        self.extra = columns.extra_reader(contract.extra, contract) if contract.extra else None
        self.keeps_extras = bool(self.columns or self.extra)

    def enter(self, record: Any) -> Scope | Skipped:
        """Returns a record that is a payment, unwrapped, or why it is none.

        Raises:
            Rejected: it is invalid.
            RegistryUnavailable: its schema could not be asked for; nothing is known of it.
        """
        payload = record.payload
        if payload is None:
            return self.tombstone()
        if len(payload) > self._bytes_max:
            self.check_size(payload)
        scope = self.decode(record, payload)
        for rule in self._outer_rules:
            if (skipped := rule(scope)) is not None:
                return Skipped(skipped)
        self.unwrap(scope)
        for rule in self._inner_rules:
            if (skipped := rule(scope)) is not None:
                return Skipped(skipped)
        return scope

    def unwrap(self, scope: Scope) -> None:
        """Brings a record to its innermost layer, an object. Raises Rejected."""
        for step in self.steps:
            step(scope)
        if type(scope.inner) is not dict:
            formats.require_object(scope, "")

    def payment_of(self, scope: Scope) -> Transaction:
        """Returns the payment in a record. Raises Rejected."""
        values = self.constants.copy()
        for name, read in self.varying:
            values[name] = read(scope)
        return self.payment(scope.record, values)

    def transaction_of(self, scope: Scope) -> Transaction:
        """Returns the payment in a record with what is kept beside it. Raises Rejected."""
        transaction = self.payment_of(scope)
        return transaction._replace(extras=self.extras(scope)) if self.keeps_extras else transaction

    def tombstone(self) -> Skipped:
        """Returns that a record without a value is skipped. Raises Rejected when it is not."""
        if self.contract.tombstones == "skip":
            return Skipped(TOMBSTONE_RULE)
        raise Rejected(Reason.TOMBSTONE, "the value is null")

    def check_size(self, payload: bytes) -> None:
        """Raises Rejected for a payload that is too large."""
        most = self.contract.payload_bytes_max
        if len(payload) > most:
            raise Rejected(
                Reason.TOO_LARGE, f"at most {most} bytes are allowed, got {len(payload)}"
            )

    def payment(self, record: Any, values: dict[str, Any]) -> Transaction:
        """Returns the payment of what the fields say, in which it puts what it finds."""
        amount, currency = self._amount, values["currency"]
        minor = amounts.to_minor(values["amount"], amount, currency)
        kind = values["payment_type"]
        if amount.negative_is is not None or amount.positive_is is not None:
            kind, minor = by_sign(kind, minor, amount)
        values["payment_type"] = kind
        values["amount_minor"] = minor
        values["event_time_us"] = values["event_time"]
        values["topic"] = record.topic
        values["partition"] = record.partition
        values["offset"] = record.offset
        values["broker_time_us"] = record.broker_time_us
        if record.replay_header is not None:
            values["replay_of"] = replay.decode(record)
        return _transaction(map(values.__getitem__, _FIELDS))

    def extras(self, scope: Scope) -> str:
        """Returns what is kept beside the payment: Transaction.extras. Raises Rejected."""
        cells = [read(scope) for read in self.columns]
        if self.extra is not None:
            cells.append(self.extra(scope))
        return extra_columns.packed(cells)


_ORDER = (
    *("transaction_id", "account_id", "merchant_id", "payment_type"),
    *("amount", "currency", "event_time", *OPTIONAL),
)


def by_sign(kind: str, minor: int, amount: Amount) -> tuple[str, int]:
    """Returns the payment type and the amount, where the sign of the amount says the type."""
    if minor < 0 and amount.negative_is is not None:
        return amount.negative_is, -minor
    if minor > 0 and amount.positive_is is not None:
        return amount.positive_is, minor
    return kind or amount.positive_is or "", minor


def _field_reader(field: Field) -> Callable[[Scope], Any]:
    if field.otherwise:
        return _first_of(field)
    if field.name == "amount":
        return amounts.reader(field)
    if field.name == "event_time":
        return _time_reader(field)
    return texts.reader(field)


def _first_of(field: Field) -> Callable[[Scope], Any]:
    """Returns the function that reads a field where the first of its paths leads to something."""
    first = dataclasses.replace(field, otherwise=())
    options = [(each, getter(each.paths[0])) for each in (first, *field.otherwise)]
    readers = [(get, _field_reader(each)) for each, get in options]
    names = ", ".join(each.paths[0].text for each, _ in options)

    def read(scope: Scope) -> Any:
        for get, of_scope in readers:
            value = get(scope)
            if value is not None and value is not MISSING:
                return of_scope(scope)
        if field.optional:
            return field.absent
        raise Rejected(Reason.MISSING_FIELD, f"one of {names} is required")

    return read


def _time_reader(field: Field) -> Callable[[Scope], int]:
    if len(field.paths) > 1:
        to_text, of_text = texts.reader(field), times.reader(field, field.name)
        return lambda scope: of_text(to_text(scope))
    path = field.paths[0]
    get, of_value = getter(path), times.reader(field, path.text)

    def read(scope: Scope) -> int:
        value = get(scope)
        if value is None or value is MISSING:
            raise Rejected(Reason.MISSING_FIELD, why_missing(path, scope))
        return of_value(value)

    return read


_STATES = frozenset({str, int, bool, type(None)})


def keep_rule(keep: Keep) -> KeepRule:
    """Returns the function that asks one rule of `keep`."""
    get = getter(keep.at)
    # A value with its type: True is 1 to Python, and a state that is a text is no number.
    states: dict[tuple[type, object], str | None] = {
        (type(state), state): None for state in keep.keep
    }
    states |= {(type(state), state): f"{keep.name}={_spelled(state)}" for state in keep.skip}
    other = f"{keep.name}: else"

    def rule(scope: Scope) -> str | None:
        value = get(scope)
        if value is MISSING:
            value = None
        if type(value) in _STATES:
            found = states.get((type(value), value), other)
            if found is not other:
                return found
        if keep.otherwise == "reject":
            raise _unknown(keep, value, scope)
        return other if keep.otherwise == "skip" else None

    return rule


def _spelled(state: object) -> str:
    return {None: "null", True: "true", False: "false"}.get(state, str(state))  # type: ignore


def _unknown(keep: Keep, value: Any, scope: Scope) -> Exception:
    if value is None:
        return Rejected(Reason.MISSING_FIELD, why_missing(keep.at, scope))
    got = repr(value)[:80] if isinstance(value, str | int) else kind_of(value)
    return Rejected(Reason.UNKNOWN_STATE, f"no list of the contract names {keep.at.text}={got}")

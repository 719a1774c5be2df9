"""The rules that a decoded transaction must keep to be counted.

A rule is one entry in RULES: its reason, its test of one transaction and its test of many at once.
"""

from __future__ import annotations

import dataclasses
import decimal
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import iso4217

from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.ids import ALPHABETS
from transforms.payment.transaction import PAYLOAD, Transaction, by_field, judged_at_us

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)

PAYMENT_TYPES = frozenset({"purchase", "refund", "transfer", "withdrawal"})

# ISO 4217 with the number of minor digits. Codes without a minor unit (gold, test codes) are no
# money that a payment can be made in.
MINOR_DIGITS: dict[str, int] = {
    currency.code: currency.exponent
    for currency in iso4217.Currency
    if currency.exponent is not None
}

# BigQuery's NUMERIC holds 29 digits before the point; a payment of 10^15 minor units is a mistake
# long before that, and stays exact in every reader that takes JSON numbers as doubles (2^53).
AMOUNT_MINOR_MAX = 10**15


@dataclasses.dataclass(frozen=True)
class Rules:
    """The rules, with the limits that are chosen at a launch.

    Attributes:
        clock_skew_us: how far a producer's clock may be ahead of the broker's, microseconds.
        ids: the alphabet of ids, one of ids.ALPHABETS, which the contract names.
        payment_types: those that the contract allows.
    """

    clock_skew_us: int
    ids: str = "strict"
    payment_types: frozenset[str] = PAYMENT_TYPES

    def plainly_kept_by_all(self, transactions: Sequence[Transaction]) -> bool:
        """Returns whether all keep every rule; False says that each must be asked."""
        if not transactions:
            return True
        columns = by_field(transactions)
        return all(rule.kept_by_all(columns, self) for rule in RULES)

    def check(self, transaction: Transaction) -> None:
        """Returns when the transaction keeps every rule.

        Raises:
            Rejected: with the first rule that it breaks.
        """
        for rule in RULES:
            if not rule.kept_by(transaction, self):
                raise Rejected(rule.reason, rule.detail(transaction, self))


class Rule(NamedTuple):
    """One thing that a transaction must keep.

    Attributes:
        reason: of the dead letters of those that do not; docs/dead_letter_reasons.md explains it.
        kept_by: whether a transaction keeps it.
        kept_by_all: whether all of a batch do, which comes as one Transaction whose every field
            holds the values of all. True only if `kept_by` is of each; False may be said of any
            batch, whose transactions are then asked one by one.
        detail: for a human: what was required, what was received.
        broken_by: a field of the payload and a value that breaks it, which the simulator sends. Of
            a rule about several fields: a function of a payload's fields that returns the changes.
    """

    reason: Reason
    kept_by: Callable[[Transaction, Rules], bool]
    kept_by_all: Callable[[Any, Rules], bool]
    detail: Callable[[Transaction, Rules], str]
    broken_by: tuple[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]

    def broken(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Returns the fields of a payload that keeps the rule, changed so that it breaks it."""
        if callable(self.broken_by):
            return fields | self.broken_by(fields)
        name, value = self.broken_by
        return fields | {name: value}


def _required(name: str, required: str) -> Callable[[Transaction, Rules], str]:
    """Returns what tells that a text is not as required."""
    return lambda it, limits: f"{name} must be {required}, got {getattr(it, name)[:80]!r}"


def _id_rule(reason: Reason, name: str) -> Rule:
    """Returns the rule for a field that holds an id, or None where it is Optional."""
    of = operator.attrgetter(name)
    [optional] = [each.column.nullable for each in PAYLOAD if each.name == name]

    def kept_by(it: Transaction, limits: Rules) -> bool:
        value = of(it)
        return value is None or ALPHABETS[limits.ids].holds(value)

    def kept_by_all(all_: Any, limits: Rules) -> bool:
        values = of(all_)
        if optional and None in values:
            values = [each for each in values if each is not None]
        return ALPHABETS[limits.ids].holds_all(values)

    def detail(it: Transaction, limits: Rules) -> str:
        return _required(name, ALPHABETS[limits.ids].required)(it, limits)

    return Rule(reason, kept_by, kept_by_all, detail, (name, "no id"))


def _ahead_us(it: Transaction) -> int:
    # Measured against arrival, not the wall clock: the same answer in every replay.
    return it.event_time_us - judged_at_us(it)


# In the order in which they are asked: a record that breaks several has the first one's reason.
RULES = (
    _id_rule(Reason.BAD_TRANSACTION_ID, "transaction_id"),
    _id_rule(Reason.BAD_ACCOUNT_ID, "account_id"),
    _id_rule(Reason.BAD_MERCHANT_ID, "merchant_id"),
    _id_rule(Reason.BAD_DEVICE_ID, "device_id"),
    Rule(
        Reason.BAD_COUNTRY,
        lambda it, limits: it.country is None or _COUNTRY.fullmatch(it.country) is not None,
        lambda all_, limits: all(map(_COUNTRY.fullmatch, set(all_.country) - {None})),
        _required("country", "two capital letters"),
        broken_by=("country", "de"),
    ),
    Rule(
        Reason.UNKNOWN_PAYMENT_TYPE,
        lambda it, limits: it.payment_type in limits.payment_types,
        lambda all_, limits: set(all_.payment_type) <= limits.payment_types,
        lambda it, limits: _required("payment_type", ", ".join(sorted(limits.payment_types)))(
            it, limits
        ),
        broken_by=("payment_type", "gift"),
    ),
    Rule(
        Reason.UNKNOWN_CURRENCY,
        lambda it, limits: it.currency in MINOR_DIGITS,
        lambda all_, limits: set(all_.currency) <= MINOR_DIGITS.keys(),
        _required("currency", "an ISO 4217 code"),
        broken_by=("currency", "XAU"),
    ),
    Rule(
        Reason.AMOUNT_NOT_POSITIVE,
        lambda it, limits: it.amount_minor > 0,
        lambda all_, limits: min(all_.amount_minor) > 0,
        lambda it, limits: f"amount_minor must be above 0, got {it.amount_minor}",
        broken_by=("amount_minor", 0),
    ),
    Rule(
        Reason.AMOUNT_TOO_LARGE,
        lambda it, limits: it.amount_minor <= AMOUNT_MINOR_MAX,
        lambda all_, limits: max(all_.amount_minor) <= AMOUNT_MINOR_MAX,
        lambda it, limits: (
            f"amount_minor must be at most {AMOUNT_MINOR_MAX}, got {it.amount_minor}"
        ),
        broken_by=("amount_minor", AMOUNT_MINOR_MAX + 1),
    ),
    Rule(
        Reason.BAD_EVENT_TIME,
        lambda it, limits: it.event_time_us >= 0,
        lambda all_, limits: min(all_.event_time_us) >= 0,
        lambda it, limits: "event_time must not be before 1970",
        broken_by=("event_time", "1969-12-31T23:59:59Z"),
    ),
    Rule(
        Reason.EVENT_TIME_IN_FUTURE,
        lambda it, limits: _ahead_us(it) <= limits.clock_skew_us,
        # A replay is judged by another arrival than its own.
        lambda all_, limits: (
            not any(all_.replay_of)
            and max(map(operator.sub, all_.event_time_us, all_.broker_time_us))
            <= limits.clock_skew_us
        ),
        lambda it, limits: (
            f"event_time must be at most {limits.clock_skew_us / 1e6:g} s after arrival, "
            f"got {_ahead_us(it) / 1e6:g} s"
        ),
        broken_by=("event_time", "9999-12-31T23:59:59Z"),
    ),
)


def amount_of(amount_minor: int, currency: str) -> decimal.Decimal:
    """Returns the amount in major units, exact: 1250 EUR minor units are Decimal('12.50').

    Raises:
        KeyError: the currency is not in ISO 4217.
    """
    return decimal.Decimal(amount_minor).scaleb(-MINOR_DIGITS[currency])


def is_late(transaction: Transaction, allowed_lateness_us: int) -> bool:
    """Returns whether the record arrived later after its event time than allowed."""
    return judged_at_us(transaction) - transaction.event_time_us > allowed_lateness_us

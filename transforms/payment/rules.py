"""The rules that a decoded transaction must keep to be counted."""

from __future__ import annotations

import dataclasses
import decimal
import operator
import re
from collections.abc import Sequence
from typing import Any

import iso4217

from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import Transaction, judged_at_us

# Printable ASCII without spaces: an id that looks the same is the same, in every log and query.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_IDS = re.compile(rf"(?:{_ID.pattern}\n)*", re.ASCII)
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
    """What a transaction must keep to be counted.

    Attributes:
        clock_skew_us: how far a producer's clock may be ahead of the broker's, microseconds.
    """

    clock_skew_us: int

    def plainly_kept_by_all(self, transactions: Sequence[Transaction]) -> bool:
        """Returns whether all keep every rule, by the column; False says that each must be asked.

        Must be True only where `check` raises for none: a rule that is added there is added here.
        """
        if not transactions:
            return True
        ids, accounts, merchants, kinds, amounts, currencies, times_us, *rest = zip(
            *transactions, strict=True
        )
        countries, devices, _, _, _, arrivals_us, replays = rest
        return (
            not any(replays)
            and _are_ids(ids)
            and _are_ids(accounts)
            and _are_ids(merchants)
            and _are_ids([each for each in devices if each is not None])
            and set(kinds) <= PAYMENT_TYPES
            and set(currencies) <= MINOR_DIGITS.keys()
            and all(map(_COUNTRY.fullmatch, set(countries) - {None}))
            and min(amounts) > 0
            and max(amounts) <= AMOUNT_MINOR_MAX
            and min(times_us) >= 0
            and max(map(operator.sub, times_us, arrivals_us)) <= self.clock_skew_us
        )

    def check(self, transaction: Transaction) -> None:
        """Returns when the transaction keeps every rule.

        Raises:
            Rejected: with the first rule that it breaks.
        """
        _check_id(Reason.BAD_TRANSACTION_ID, "transaction_id", transaction.transaction_id)
        _check_id(Reason.BAD_ACCOUNT_ID, "account_id", transaction.account_id)
        _check_id(Reason.BAD_MERCHANT_ID, "merchant_id", transaction.merchant_id)
        if transaction.device_id is not None:
            _check_id(Reason.BAD_DEVICE_ID, "device_id", transaction.device_id)
        if transaction.country is not None and not _COUNTRY.fullmatch(transaction.country):
            _reject(Reason.BAD_COUNTRY, "country", "two capital letters", transaction.country)
        if transaction.payment_type not in PAYMENT_TYPES:
            known = ", ".join(sorted(PAYMENT_TYPES))
            _reject(Reason.UNKNOWN_PAYMENT_TYPE, "payment_type", known, transaction.payment_type)
        if transaction.currency not in MINOR_DIGITS:
            _reject(Reason.UNKNOWN_CURRENCY, "currency", "an ISO 4217 code", transaction.currency)
        self._check_amount(transaction.amount_minor)
        self._check_event_time(transaction)

    def _check_amount(self, amount_minor: int) -> None:
        if amount_minor <= 0:
            raise Rejected(
                Reason.AMOUNT_NOT_POSITIVE, f"amount_minor must be above 0, got {amount_minor}"
            )
        if amount_minor > AMOUNT_MINOR_MAX:
            raise Rejected(
                Reason.AMOUNT_TOO_LARGE,
                f"amount_minor must be at most {AMOUNT_MINOR_MAX}, got {amount_minor}",
            )

    def _check_event_time(self, transaction: Transaction) -> None:
        if transaction.event_time_us < 0:
            raise Rejected(Reason.BAD_EVENT_TIME, "event_time must not be before 1970")
        # Measured against arrival, not the wall clock: the same answer in every replay.
        ahead_us = transaction.event_time_us - judged_at_us(transaction)
        if ahead_us > self.clock_skew_us:
            raise Rejected(
                Reason.EVENT_TIME_IN_FUTURE,
                f"event_time must be at most {self.clock_skew_us / 1e6:g} s after arrival, "
                f"got {ahead_us / 1e6:g} s",
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


def _are_ids(texts: Sequence[Any]) -> bool:
    # One to a line, in one pass; as many lines as texts, or one of them holds two.
    text = "\n".join((*texts, ""))
    return text.count("\n") == len(texts) and _IDS.fullmatch(text) is not None


def _check_id(reason: Reason, name: str, value: str) -> None:
    if not _ID.fullmatch(value):
        _reject(reason, name, "1 to 64 of A-Z a-z 0-9 . _ : - (first a letter or digit)", value)


def _reject(reason: Reason, name: str, required: str, received: str) -> None:
    raise Rejected(reason, f"{name} must be {required}, got {received[:80]!r}")

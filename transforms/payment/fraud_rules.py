"""The fraud rules: pure decisions over what is remembered of an account.

An indicator is a question for an analyst, never a verdict: the payment is counted all the same.
Payments are judged in the order of their arrival, so that a replay raises the same indicators.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import NamedTuple

from transforms.payment.account_memory import HOUR_US, Baseline, InCurrency, Paid, Window
from transforms.payment.dedup_policy import FirstSeen
from transforms.payment.open_account import OpenAccount
from transforms.payment.transaction import Transaction

# An account that always pays the same has no spread, and anything else would be infinitely far
# away: a tenth of the mean is the least spread that is assumed.
STDDEV_MIN_OF_MEAN = 0.1


class Indicator(enum.Enum):
    """Everything that can be raised."""

    HIGH_VELOCITY_10MIN = "high_velocity_10min"
    HIGH_VELOCITY_1H = "high_velocity_1h"
    UNUSUAL_AMOUNT = "unusual_amount"
    CARD_TESTING = "card_testing"  # some small payments, then a large one
    IMPOSSIBLE_TRAVEL = "impossible_travel"  # another country, sooner than anyone gets there
    NEW_DEVICE = "new_device"
    CONFLICT = "conflict"  # the id was accepted with other facts


class Features(NamedTuple):
    """What the indicators of one payment are computed from.

    Amounts are in minor units of the payment's currency; payments in other currencies count, but
    do not add to sums.
    """

    count_10min: int  # this payment included, as in the next three
    amount_minor_10min: int
    count_1h: int
    amount_minor_1h: int
    baseline: Baseline  # of the payments before, in this currency
    z_score: float | None  # None while the baseline is too short
    small_count_10min: int  # payments before, in this currency, that were much smaller
    previous_country: str | None
    previous_event_time_us: int | None
    known_devices: int  # before this payment
    device_known: bool


class FraudAlert(NamedTuple):
    """One indicator that one payment raises."""

    indicator: Indicator
    transaction: Transaction
    features: Features | None = None  # None for a conflict, which needs none
    first: FirstSeen | None = None  # the accepted record that a conflict contradicts


@dataclasses.dataclass(frozen=True)
class FraudRules:
    """When is an indicator raised?

    Attributes:
        memory_us: how long an account is remembered after its last payment, microseconds.
        velocity_10min, velocity_1h: payments that are many. Raised at this number and at each
            doubling of it, not at every payment from there on.
        baseline_min: payments that make a baseline.
        z_score_min: standard deviations above the mean that are unusual.
        small_min: how many small payments before a large one look like card testing.
        small_ratio: how many times larger the large one is.
        travel_us_min: the least time in which anyone changes country. An hour is about the
            shortest flight across a border; neighbours by land are false alarms.
    """

    memory_us: int = 24 * HOUR_US
    velocity_10min: int = 10
    velocity_1h: int = 30
    baseline_min: int = 5
    z_score_min: float = 4.0
    small_min: int = 3
    small_ratio: int = 20
    travel_us_min: int = HOUR_US

    def judge(
        self, account: OpenAccount | None, payment: Transaction
    ) -> tuple[OpenAccount, list[FraudAlert]]:
        """Returns the account once the payment has been seen, and what the payment raises.

        An account may be kept for too long; it counts as forgotten all the same.
        """
        account = self._moved_to(payment.broker_time_us, account)
        same = account.in_currency(payment.currency)
        window = account.window(payment, same, payment.amount_minor // self.small_ratio)
        z_score = self._z_score(same, payment.amount_minor)
        found = self._indicators(account, payment, window, z_score)
        raised: list[FraudAlert] = []
        if found:  # seldom: most payments raise nothing, and their features interest nobody
            features = _features(account, payment, window, same.baseline(), z_score)
            raised = [FraudAlert(each, payment, features) for each in found]
        account.add(payment, same)
        return account, raised

    def remember(self, account: OpenAccount | None, payment: Paid) -> OpenAccount:
        """Returns the account as `judge` left it, when the payment has been judged before."""
        account = self._moved_to(payment.broker_time_us, account)
        account.add(payment, account.in_currency(payment.currency))
        return account

    def forget_at_us(self, last_arrival_us: int) -> int:
        """Returns when an account may be forgotten, microseconds since the epoch."""
        return last_arrival_us + self.memory_us

    def _moved_to(self, arrival_us: int, account: OpenAccount | None) -> OpenAccount:
        if account is None or arrival_us >= account.last_arrival_us + self.memory_us:
            return OpenAccount()
        account.move_to(arrival_us)
        return account

    def _z_score(self, same: InCurrency, amount_minor: int) -> float | None:
        number, mean = same.number, same.mean
        if number < self.baseline_min or number < 2:
            return None
        stddev, least = math.sqrt(same.m2 / (number - 1)), STDDEV_MIN_OF_MEAN * mean
        return (amount_minor - mean) / (stddev if stddev > least else least)

    def _indicators(
        self, account: OpenAccount, payment: Transaction, window: Window, z_score: float | None
    ) -> list[Indicator]:
        found = []
        if _is_doubling(window.count_10min + 1, self.velocity_10min):
            found.append(Indicator.HIGH_VELOCITY_10MIN)
        if _is_doubling(window.count_1h + 1, self.velocity_1h):
            found.append(Indicator.HIGH_VELOCITY_1H)
        if z_score is not None and z_score >= self.z_score_min:
            found.append(Indicator.UNUSUAL_AMOUNT)
        if window.small_count_10min >= self.small_min:
            found.append(Indicator.CARD_TESTING)
        if self._travelled_too_fast(account, payment):
            found.append(Indicator.IMPOSSIBLE_TRAVEL)
        device_id, devices = payment.device_id, account.devices
        if device_id is not None and devices and device_id not in devices:
            found.append(Indicator.NEW_DEVICE)
        return found

    def _travelled_too_fast(self, account: OpenAccount, payment: Transaction) -> bool:
        before, before_us = account.country, account.country_time_us
        if before == payment.country or payment.country is None:
            return False
        if before is None or before_us is None:
            return False
        # Either way round: the payment that arrives later may have happened earlier.
        return abs(payment.event_time_us - before_us) < self.travel_us_min


def _features(
    account: OpenAccount,
    payment: Transaction,
    window: Window,
    baseline: Baseline,
    z_score: float | None,
) -> Features:
    """Returns what the payment is judged by."""
    return Features(
        count_10min=window.count_10min + 1,
        amount_minor_10min=window.amount_minor_10min + payment.amount_minor,
        count_1h=window.count_1h + 1,
        amount_minor_1h=window.amount_minor_1h + payment.amount_minor,
        baseline=baseline,
        z_score=z_score,
        small_count_10min=window.small_count_10min,
        previous_country=account.country,
        previous_event_time_us=account.country_time_us,
        known_devices=len(account.devices),
        device_known=payment.device_id in account.devices,
    )


def _is_doubling(count: int, first: int) -> bool:
    """Returns whether `count` is first × 1, 2, 4, 8, …"""
    if count < first:
        return False
    times, rest = divmod(count, first)
    return rest == 0 and times & (times - 1) == 0

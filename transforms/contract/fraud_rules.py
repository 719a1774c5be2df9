"""Does this payment look like fraud? Pure decisions over what is remembered of its account.

An indicator is a question for an analyst, never a verdict: the payment is counted all the same.
Payments are judged in the order of their arrival, so that a replay raises the same indicators.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from typing import NamedTuple

from transforms.contract.account_memory import HOUR_US, AccountMemory, Baseline, Window, scan
from transforms.contract.dedup_policy import FirstSeen
from transforms.contract.open_account import OpenAccount
from transforms.contract.transaction import Transaction

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


class Raised(NamedTuple):
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
        self, memory: AccountMemory | None, payment: Transaction
    ) -> tuple[AccountMemory, list[Raised]]:
        """Returns what is remembered once the payment has been seen, and what it raises.

        A runner may keep `memory` for too long; it counts as forgotten all the same.
        """
        if memory is None or payment.broker_time_us >= self.forget_at_us(memory):
            memory = AccountMemory()
        window = scan(memory.recent, payment, self._small_max(payment))
        return memory.after(payment), self._raised(memory, payment, window)

    def judge_next(
        self, account: OpenAccount | None, payment: Transaction
    ) -> tuple[OpenAccount, list[Raised]]:
        """Does as `judge`, for one payment of an account after the other."""
        if account is None or payment.broker_time_us >= self.forget_at_us(account.memory):
            account = OpenAccount(AccountMemory())
        window = account.window(payment, self._small_max(payment))
        raised = self._raised(account.memory, payment, window)
        account.add(payment)
        return account, raised

    def forget_at_us(self, memory: AccountMemory) -> int:
        """Returns when the account may be forgotten, microseconds since the epoch."""
        return memory.last_arrival_us + self.memory_us

    def features(self, memory: AccountMemory, payment: Transaction, window: Window) -> Features:
        """Returns what the payment is judged by."""
        baseline = memory.baselines.get(payment.currency, Baseline())
        return Features(
            count_10min=window.count_10min + 1,
            amount_minor_10min=window.amount_minor_10min + payment.amount_minor,
            count_1h=window.count_1h + 1,
            amount_minor_1h=window.amount_minor_1h + payment.amount_minor,
            baseline=baseline,
            z_score=self._z_score(baseline, payment.amount_minor),
            small_count_10min=window.small_count_10min,
            previous_country=memory.country,
            previous_event_time_us=memory.country_time_us,
            known_devices=len(memory.devices),
            device_known=payment.device_id in memory.devices,
        )

    def _small_max(self, payment: Transaction) -> int:
        return payment.amount_minor // self.small_ratio

    def _raised(self, memory: AccountMemory, payment: Transaction, window: Window) -> list[Raised]:
        features = self.features(memory, payment, window)
        return [Raised(each, payment, features) for each in self._indicators(payment, features)]

    def _z_score(self, baseline: Baseline, amount_minor: int) -> float | None:
        if baseline.number < self.baseline_min or baseline.stddev is None:
            return None
        spread = max(baseline.stddev, STDDEV_MIN_OF_MEAN * baseline.mean)
        return (amount_minor - baseline.mean) / spread

    def _indicators(self, payment: Transaction, features: Features) -> Iterator[Indicator]:
        if _is_doubling(features.count_10min, self.velocity_10min):
            yield Indicator.HIGH_VELOCITY_10MIN
        if _is_doubling(features.count_1h, self.velocity_1h):
            yield Indicator.HIGH_VELOCITY_1H
        if features.z_score is not None and features.z_score >= self.z_score_min:
            yield Indicator.UNUSUAL_AMOUNT
        if features.small_count_10min >= self.small_min:
            yield Indicator.CARD_TESTING
        if self._travelled_too_fast(payment, features):
            yield Indicator.IMPOSSIBLE_TRAVEL
        if payment.device_id is not None and features.known_devices and not features.device_known:
            yield Indicator.NEW_DEVICE

    def _travelled_too_fast(self, payment: Transaction, features: Features) -> bool:
        before, before_us = features.previous_country, features.previous_event_time_us
        if payment.country is None or before is None or before_us is None:
            return False
        # Either way round: the payment that arrives later may have happened earlier.
        return (
            payment.country != before
            and abs(payment.event_time_us - before_us) < self.travel_us_min
        )


def _is_doubling(count: int, first: int) -> bool:
    """Returns whether `count` is first × 1, 2, 4, 8, …"""
    times, rest = divmod(count, first)
    return rest == 0 and times > 0 and times & (times - 1) == 0

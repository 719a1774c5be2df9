"""The fraud rules, stated as plainly as possible: looks at every payment of the last hour.

The pipeline judges step by step (transforms/state/open_account.py); this says what it must give.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from transforms.payment.fraud_rules import (
    HOUR_US,
    STDDEV_MIN_OF_MEAN,
    TEN_MINUTES_US,
    Features,
    FraudAlert,
    FraudRules,
    Indicator,
)
from transforms.payment.transaction import Transaction
from transforms.state.account_memory import DEVICES_MAX, RECENT_MAX


class Recent(NamedTuple):
    arrival_us: int
    amount_minor: int
    currency: str


class Baseline(NamedTuple):
    """Mean and spread of amounts, by Welford's method."""

    number: int = 0
    mean: float = 0.0
    m2: float = 0.0

    @property
    def stddev(self) -> float | None:
        return math.sqrt(self.m2 / (self.number - 1)) if self.number > 1 else None


class Window(NamedTuple):
    """The payments before another, within an hour of its arrival and within ten minutes."""

    count_10min: int
    amount_minor_10min: int
    count_1h: int
    amount_minor_1h: int
    small_count_10min: int


class Memory(NamedTuple):
    last_arrival_us: int = 0
    recent: tuple[Recent, ...] = ()
    baselines: dict[str, Baseline] = {}  # noqa: RUF012
    country: str | None = None
    country_time_us: int | None = None
    devices: tuple[str, ...] = ()

    def after(self, payment: Transaction) -> Memory:
        arrival_us, currency = payment.broker_time_us, payment.currency
        recent = [each for each in self.recent if each.arrival_us > arrival_us - HOUR_US]
        recent.append(Recent(arrival_us, payment.amount_minor, currency))
        baseline = with_amount(self.baselines.get(currency, Baseline()), payment.amount_minor)
        place = (self.country, self.country_time_us)
        if payment.country is not None:
            place = (payment.country, payment.event_time_us)
        return Memory(
            max(self.last_arrival_us, arrival_us),
            tuple(recent[-RECENT_MAX:]),
            {**self.baselines, currency: baseline},
            *place,
            self.devices_after(payment.device_id),
        )

    def devices_after(self, device_id: str | None) -> tuple[str, ...]:
        if device_id is None:
            return self.devices
        others = tuple(each for each in self.devices if each != device_id)
        return (*others, device_id)[-DEVICES_MAX:]


def judge(
    rules: FraudRules, memory: Memory | None, payment: Transaction
) -> tuple[Memory, list[FraudAlert]]:
    """Returns what is remembered once the payment has been seen, and what it raises."""
    arrival_us = payment.broker_time_us
    if memory is None or arrival_us >= memory.last_arrival_us + rules.memory_us:
        memory = Memory()
    found = features(rules, memory, payment)
    raised = [
        FraudAlert(each, payment, found) for each in indicators(rules, memory, payment, found)
    ]
    return memory.after(payment), raised


def judge_all(rules: FraudRules, payments: Iterable[Transaction]) -> list[FraudAlert]:
    """Returns what payments of any accounts raise, in this order."""
    memories: dict[str, Memory] = {}
    told: list[FraudAlert] = []
    for payment in payments:
        account_id = payment.account_id
        memories[account_id], raised = judge(rules, memories.get(account_id), payment)
        told += raised
    return told


def features(rules: FraudRules, memory: Memory, payment: Transaction) -> Features:
    window = scan(memory.recent, payment, payment.amount_minor // rules.small_ratio)
    baseline = memory.baselines.get(payment.currency, Baseline())
    return Features(
        count_10min=window.count_10min + 1,
        amount_minor_10min=window.amount_minor_10min + payment.amount_minor,
        count_1h=window.count_1h + 1,
        amount_minor_1h=window.amount_minor_1h + payment.amount_minor,
        baseline_count=baseline.number,
        baseline_mean_minor=baseline.mean,
        baseline_stddev_minor=baseline.stddev,
        z_score=z_score(rules, baseline, payment.amount_minor),
        small_count_10min=window.small_count_10min,
        previous_country=memory.country,
        previous_event_time_us=memory.country_time_us,
        known_devices=len(memory.devices),
    )


def indicators(
    rules: FraudRules, memory: Memory, payment: Transaction, features: Features
) -> Iterator[Indicator]:
    if is_doubling(features.count_10min, rules.velocity_10min):
        yield Indicator.HIGH_VELOCITY_10MIN
    if is_doubling(features.count_1h, rules.velocity_1h):
        yield Indicator.HIGH_VELOCITY_1H
    if features.z_score is not None and features.z_score >= rules.z_score_min:
        yield Indicator.UNUSUAL_AMOUNT
    if features.small_count_10min >= rules.small_min:
        yield Indicator.CARD_TESTING
    if travelled_too_fast(rules, payment, features):
        yield Indicator.IMPOSSIBLE_TRAVEL
    if payment.device_id is not None and memory.devices and payment.device_id not in memory.devices:
        yield Indicator.NEW_DEVICE


def scan(recent: Iterable[Recent], payment: Transaction, small_max: int) -> Window:
    arrival_us, currency = payment.broker_time_us, payment.currency
    hour = [each for each in recent if each.arrival_us > arrival_us - HOUR_US]
    minutes = [each for each in hour if each.arrival_us > arrival_us - TEN_MINUTES_US]
    before = [each.amount_minor for each in minutes if each.currency == currency]
    return Window(
        len(minutes),
        sum(before),
        len(hour),
        sum(each.amount_minor for each in hour if each.currency == currency),
        sum(amount_minor <= small_max for amount_minor in before),
    )


def with_amount(baseline: Baseline, amount_minor: int) -> Baseline:
    number = baseline.number + 1
    distance = amount_minor - baseline.mean
    mean = baseline.mean + distance / number
    return Baseline(number, mean, baseline.m2 + distance * (amount_minor - mean))


def z_score(rules: FraudRules, baseline: Baseline, amount_minor: int) -> float | None:
    if baseline.number < max(2, rules.baseline_min):
        return None
    stddev = math.sqrt(baseline.m2 / (baseline.number - 1))
    return (amount_minor - baseline.mean) / max(stddev, STDDEV_MIN_OF_MEAN * baseline.mean)


def travelled_too_fast(rules: FraudRules, payment: Transaction, features: Features) -> bool:
    before, before_us = features.previous_country, features.previous_event_time_us
    if payment.country is None or before is None or before_us is None:
        return False
    return (
        payment.country != before and abs(payment.event_time_us - before_us) < rules.travel_us_min
    )


def is_doubling(count: int, first: int) -> bool:
    times, rest = divmod(count, first)
    return rest == 0 and times > 0 and times & (times - 1) == 0

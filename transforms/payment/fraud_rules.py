"""The fraud rules: pure decisions over what is remembered of an account.

An indicator is a question for an analyst, never a verdict: the payment is counted all the same.
Payments are judged in the order of their arrival, so that a replay raises the same indicators.

A rule is one entry in FRAUD_RULES. What an analyst needs beside it is a field of Features, which
declares its column of `fraud_indicators`.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable
from typing import Annotated, NamedTuple, Protocol

from transforms.payment.dedup_policy import FirstSeen
from transforms.payment.fields import Field, declares
from transforms.payment.transaction import Transaction

HOUR_US = 3_600_000_000
TEN_MINUTES_US = 600_000_000
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
    CONFLICT = "conflict"  # the id was accepted with other facts; Deduplicate finds it


class Account(Protocol):
    """What the rules ask of an account, as it was before the payment.

    Attributes:
        country, country_time_us: of the newest payment that named one, and its event time.
        devices: those that the account has paid with.
    """

    country: str | None
    country_time_us: int | None
    devices: list[str]


class Spending(Protocol):
    """What the rules ask of an account's payments in one currency, before the payment.

    Attributes:
        number, mean: of their amounts, minor units.
        m2: sum of the squared distances from the mean.
    """

    number: int
    mean: float
    m2: float


class Seen(NamedTuple):
    """A payment, and what is remembered of its account: all that it is judged by.

    Attributes:
        same: what the account paid before in the payment's currency.
        count_10min, count_1h: payments before this one, within ten minutes and an hour of it.
        amount_minor_10min, amount_minor_1h: the sums of those in its currency.
        small_count_10min: those in its currency, smaller by FraudRules.small_ratio.
    """

    payment: Transaction
    account: Account
    same: Spending
    count_10min: int
    amount_minor_10min: int
    count_1h: int
    amount_minor_1h: int
    small_count_10min: int


@declares
class Features(NamedTuple):
    """What the indicators of one payment are computed from.

    Amounts are in minor units of the payment's currency; payments in other currencies count, but
    do not add to sums.
    """

    count_10min: Annotated[int, Field("Payments of the account in 10 min, this included.")]
    amount_minor_10min: Annotated[
        int, Field("Their sum, those in this currency.", "amount_10min", "NUMERIC")
    ]
    count_1h: Annotated[int, Field("Payments of the account in 1 h, this included.")]
    amount_minor_1h: Annotated[
        int, Field("Their sum, those in this currency.", "amount_1h", "NUMERIC")
    ]
    baseline_count: Annotated[int, Field("Earlier payments in this currency.")]
    baseline_mean_minor: Annotated[float, Field("Mean of their amounts, minor units.")]
    baseline_stddev_minor: Annotated[float | None, Field("Their sample standard deviation.")]
    z_score: Annotated[float | None, Field("(amount - mean) / standard deviation.")]
    small_count_10min: Annotated[int, Field("Much smaller payments in 10 min before.")]
    previous_country: Annotated[str | None, Field("Country of the payment before.")]
    previous_event_time_us: Annotated[
        int | None, Field("Event time of that payment.", "previous_event_time", "TIMESTAMP")
    ]
    known_devices: Annotated[int, Field("Devices the account had paid with before.")]


class FraudAlert(NamedTuple):
    """One indicator that one payment raises."""

    indicator: Indicator
    transaction: Transaction
    features: Features | None = None  # None for a conflict, which needs none
    first: FirstSeen | None = None  # the accepted record that a conflict contradicts


@dataclasses.dataclass(frozen=True)
class FraudRules:
    """The limits of the rules.

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

    def judge(self, seen: Seen) -> list[FraudAlert]:
        """Returns what a payment raises."""
        found = [indicator for indicator, raised_by in FRAUD_RULES if raised_by(seen, self)]
        if not found:  # most payments raise nothing, and their features interest nobody
            return []
        features = features_of(seen, self)
        return [FraudAlert(each, seen.payment, features) for each in found]

    def forget_at_us(self, last_arrival_us: int) -> int:
        """Returns when an account may be forgotten, microseconds since the epoch."""
        return last_arrival_us + self.memory_us


def _z_score(seen: Seen, limits: FraudRules) -> float | None:
    """Returns how many standard deviations above the mean; None while the baseline is too short."""
    same = seen.same
    number, mean = same.number, same.mean
    if number < limits.baseline_min or number < 2:
        return None
    stddev, least = math.sqrt(same.m2 / (number - 1)), STDDEV_MIN_OF_MEAN * mean
    return (seen.payment.amount_minor - mean) / (stddev if stddev > least else least)


def features_of(seen: Seen, limits: FraudRules) -> Features:
    """Returns what an analyst is told beside an indicator."""
    payment, account, same = seen.payment, seen.account, seen.same
    return Features(
        count_10min=seen.count_10min + 1,
        amount_minor_10min=seen.amount_minor_10min + payment.amount_minor,
        count_1h=seen.count_1h + 1,
        amount_minor_1h=seen.amount_minor_1h + payment.amount_minor,
        baseline_count=same.number,
        baseline_mean_minor=same.mean,
        baseline_stddev_minor=math.sqrt(same.m2 / (same.number - 1)) if same.number > 1 else None,
        z_score=_z_score(seen, limits),
        small_count_10min=seen.small_count_10min,
        previous_country=account.country,
        previous_event_time_us=account.country_time_us,
        known_devices=len(account.devices),
    )


def _is_doubling(count: int, first: int) -> bool:
    """Returns whether `count`, at least `first`, is first × 1, 2, 4, 8, …"""
    times, rest = divmod(count, first)
    return rest == 0 and times & (times - 1) == 0


def _travelled_too_fast(seen: Seen, limits: FraudRules) -> bool:
    country, before = seen.payment.country, seen.account.country
    if country == before or country is None or before is None:
        return False
    before_us = seen.account.country_time_us
    # Either way round: the payment that arrives later may have happened earlier.
    return before_us is not None and (
        abs(seen.payment.event_time_us - before_us) < limits.travel_us_min
    )


def _is_new_device(seen: Seen, limits: FraudRules) -> bool:
    device_id, devices = seen.payment.device_id, seen.account.devices
    return device_id is not None and bool(devices) and device_id not in devices


class FraudRule(NamedTuple):
    """An indicator, and when a payment raises it. Asked of every payment: about 0.1 µs each."""

    indicator: Indicator
    raised_by: Callable[[Seen, FraudRules], bool]


FRAUD_RULES = (
    FraudRule(
        Indicator.HIGH_VELOCITY_10MIN,
        lambda seen, limits: (
            seen.count_10min + 1 >= limits.velocity_10min
            and _is_doubling(seen.count_10min + 1, limits.velocity_10min)
        ),
    ),
    FraudRule(
        Indicator.HIGH_VELOCITY_1H,
        lambda seen, limits: (
            seen.count_1h + 1 >= limits.velocity_1h
            and _is_doubling(seen.count_1h + 1, limits.velocity_1h)
        ),
    ),
    FraudRule(
        Indicator.UNUSUAL_AMOUNT,
        lambda seen, limits: (
            (z_score := _z_score(seen, limits)) is not None and z_score >= limits.z_score_min
        ),
    ),
    FraudRule(
        Indicator.CARD_TESTING,
        lambda seen, limits: seen.small_count_10min >= limits.small_min,
    ),
    FraudRule(Indicator.IMPOSSIBLE_TRAVEL, _travelled_too_fast),
    FraudRule(Indicator.NEW_DEVICE, _is_new_device),
)

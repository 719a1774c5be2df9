"""What is remembered of an account, to judge its next payment by? Bounded, plain JSON at rest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from transforms.contract.transaction import Transaction

HOUR_US = 3_600_000_000
TEN_MINUTES_US = 600_000_000
# An account with more payments in an hour than this is far beyond every threshold: its counts stop
# here, and its memory at about 20 kB.
RECENT_MAX = 500
# Nobody pays with more devices than this; the one not used for longest is forgotten first.
DEVICES_MAX = 16


class Recent(NamedTuple):
    """A payment of the last hour."""

    arrival_us: int
    amount_minor: int
    currency: str


class Window(NamedTuple):
    """The payments before another, within an hour of its arrival and within ten minutes.

    Sums are of those in its currency.
    """

    count_10min: int
    amount_minor_10min: int
    count_1h: int
    amount_minor_1h: int
    small_count_10min: int  # in its currency, of at most the amount that was asked for


def scan(recent: Iterable[Recent], payment: Transaction, small_max: int) -> Window:
    """Returns the window of a payment by looking at each of the last hour's."""
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


class Baseline(NamedTuple):
    """Mean and spread of amounts in minor units, by Welford's method.

    Statistics, not money: floats, as stable as they come (Welford, Technometrics 4/3, 1962).
    """

    number: int = 0  # of amounts
    mean: float = 0.0
    m2: float = 0.0  # sum of the squared distances from the mean

    def with_amount(self, amount_minor: int) -> Baseline:
        """Returns the baseline with one amount more."""
        number = self.number + 1
        distance = amount_minor - self.mean
        mean = self.mean + distance / number
        return Baseline(number, mean, self.m2 + distance * (amount_minor - mean))

    @property
    def stddev(self) -> float | None:
        """Returns the sample standard deviation, None below two amounts."""
        return math.sqrt(self.m2 / (self.number - 1)) if self.number > 1 else None


_NO_AMOUNTS = Baseline()


class AccountMemory(NamedTuple):
    """What the payments of an account have left behind."""

    last_arrival_us: int = 0
    recent: tuple[Recent, ...] = ()  # of the last hour, in the order of arrival
    baselines: dict[str, Baseline] = {}  # by currency; ISO 4217 bounds them  # noqa: RUF012
    country: str | None = None  # of the newest payment that named one
    country_time_us: int | None = None  # its event time
    devices: tuple[str, ...] = ()  # the one used last stands last

    def after(self, payment: Transaction) -> AccountMemory:
        """Returns what is remembered once `payment` has been seen."""
        arrival_us = payment.broker_time_us
        recent = [each for each in self.recent if each.arrival_us > arrival_us - HOUR_US]
        recent.append(Recent(arrival_us, payment.amount_minor, payment.currency))
        return self.after_but_recent(payment)._replace(recent=tuple(recent[-RECENT_MAX:]))

    def after_but_recent(self, payment: Transaction) -> AccountMemory:
        """Returns what `after` does, with `recent` as it was: for those who keep it elsewhere."""
        currency = payment.currency
        baseline = self.baselines.get(currency, _NO_AMOUNTS).with_amount(payment.amount_minor)
        country, country_time_us = self.country, self.country_time_us
        if payment.country is not None:
            country, country_time_us = payment.country, payment.event_time_us
        return AccountMemory(
            max(self.last_arrival_us, payment.broker_time_us),
            self.recent,
            {**self.baselines, currency: baseline},
            country,
            country_time_us,
            self._devices_after(payment.device_id),
        )

    def _devices_after(self, device_id: str | None) -> tuple[str, ...]:
        if device_id is None or (self.devices and self.devices[-1] == device_id):
            return self.devices
        others = tuple(each for each in self.devices if each != device_id)
        return (*others, device_id)[-DEVICES_MAX:]

    def encode(self) -> bytes:
        """Returns the memory as it rests in state; floats come back bit for bit."""
        plain = (
            self.last_arrival_us,
            [tuple(each) for each in self.recent],
            {currency: tuple(each) for currency, each in self.baselines.items()},
            *self[3:],
        )
        return orjson.dumps(plain)

    @classmethod
    def decode(cls, stored: bytes) -> AccountMemory:
        """Returns what `encode` was called on."""
        last_arrival_us, recent, baselines, country, country_time_us, devices = orjson.loads(stored)
        return cls(
            last_arrival_us,
            tuple(map(Recent._make, recent)),
            {currency: Baseline._make(each) for currency, each in baselines.items()},
            country,
            country_time_us,
            tuple(devices),
        )

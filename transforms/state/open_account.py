"""The memory of one account in a worker: a step for each payment, not a scan of all before.

The busiest accounts have hundreds of payments in an hour, and they are also those that pay most
often. Looking at all of them for every payment was half of a worker's time.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable, Iterable
from typing import Any, cast

import orjson

from transforms.payment.fraud_rules import HOUR_US, TEN_MINUTES_US, Seen
from transforms.payment.transaction import Transaction
from transforms.state.account_memory import DEVICES_MAX, RECENT_MAX, InCurrency, Paid, Recent

# As _make, without the call of Python's own that it is for each payment.
_seen = cast(Callable[[Iterable[Any]], Seen], functools.partial(tuple.__new__, Seen))


class OpenAccount:
    """What the payments of an account leave behind, with the sums of an hour and ten minutes kept.

    Gives the same as looking at every payment of the last hour (tests/unit/test_open_account.py).

    Attributes:
        last_arrival_us: of all payments; 0: there was none.
        currencies: what was paid in each; ISO 4217 bounds them.
        country, country_time_us: of the newest payment that named one, and its event time.
        devices: the one used last stands last.
        weight: what the account takes, as its owner counted it last (account_state.py).
        changed: whether it is ahead of its encoded form.
    """

    __slots__ = (
        "_hour",
        "_in_order",
        "_minutes_count",
        "changed",
        "country",
        "country_time_us",
        "currencies",
        "devices",
        "last_arrival_us",
        "weight",
    )

    def __init__(self) -> None:
        self.last_arrival_us = 0
        self.currencies: dict[str, InCurrency] = {}
        self.country: str | None = None
        self.country_time_us: int | None = None
        self.devices: list[str] = []
        self.weight = 0
        self.changed = False
        self._hour: list[Recent] = []
        self._minutes_count = 0  # those of the last ten minutes are the end of the hour
        self._in_order = True

    def count_1h(self) -> int:
        """Returns how many payments of the last hour are remembered."""
        return len(self._hour)

    def move_to(self, arrival_us: int) -> None:
        """Lets go of what is older than an hour at the arrival of the next payment."""
        hour, hour_ago_us = self._hour, arrival_us - HOUR_US
        if not self._in_order or (hour and arrival_us < hour[-1][0]):
            # Sums follow the clock forward only. A payment from before the newest, which only a
            # record behind the watermark can be, turns this account over to scanning.
            self._in_order = False
            self._hour = [each for each in hour if each[0] > hour_ago_us]
            return
        minutes_ago_us = arrival_us - TEN_MINUTES_US
        while self._minutes_count and hour[-self._minutes_count][0] <= minutes_ago_us:
            self._leave_minutes()
        while hour and hour[0][0] <= hour_ago_us:
            self._leave_hour()

    def in_currency(self, currency: str) -> InCurrency:
        """Returns what was paid in a currency, and begins to remember it."""
        found = self.currencies.get(currency)
        if found is None:
            found = self.currencies[currency] = InCurrency()
        return found

    def seen(self, payment: Transaction, same: InCurrency, small_max: int) -> Seen:
        """Returns the payment with what was paid before it, once moved to its arrival."""
        if not self._in_order:
            return self._scan(payment, same, small_max)
        return _seen(
            (
                payment,
                self,
                same,
                self._minutes_count,
                same.minutes_minor,
                len(self._hour),
                same.hour_minor,
                bisect.bisect_right(same.minutes_sorted, small_max),
            )
        )

    def add(self, payment: Transaction | Paid, same: InCurrency) -> None:
        """Remembers a payment, once moved to its arrival."""
        arrival_us, amount_minor = payment.broker_time_us, payment.amount_minor
        self.changed = True
        self.last_arrival_us = max(self.last_arrival_us, arrival_us)
        same.add_to_baseline(amount_minor)
        if payment.country is not None:
            self.country, self.country_time_us = payment.country, payment.event_time_us
        device_id, devices = payment.device_id, self.devices
        if device_id is not None and (not devices or devices[-1] != device_id):
            self._use(device_id)
        recent = (arrival_us, amount_minor, payment.currency)
        if self._in_order:
            self._append(recent, same)
            if len(self._hour) > RECENT_MAX:
                if self._minutes_count == len(self._hour):
                    self._leave_minutes()
                self._leave_hour()
        else:
            # Once the late payment has left the hour, all that is left may be in order again.
            self._remember([*self._hour, recent][-RECENT_MAX:])

    def encode(self) -> bytes:
        """Returns the account as it rests in state; floats come back bit for bit."""
        return orjson.dumps(
            (
                self.last_arrival_us,
                list(zip(*self._hour, strict=True)),
                {
                    currency: (each.number, each.mean, each.m2)
                    for currency, each in self.currencies.items()
                },
                self.country,
                self.country_time_us,
                self.devices,
            )
        )

    @classmethod
    def decode(cls, stored: bytes) -> OpenAccount:
        """Returns what `encode` was called on."""
        last_us, recent, baselines, country, country_time_us, devices = orjson.loads(stored)
        account = cls()
        account.last_arrival_us = last_us
        account.currencies = {currency: InCurrency(*each) for currency, each in baselines.items()}
        account.country, account.country_time_us = country, country_time_us
        account.devices = devices
        account._remember(zip(*recent, strict=True))
        return account

    @staticmethod
    def last_arrival_us_of(stored: bytes) -> int:
        """Returns the last arrival of an encoded account, without decoding the rest."""
        return int(stored[1 : stored.index(b",")])

    def _remember(self, recent: Iterable[Recent]) -> None:
        """Takes the payments of the last hour, and counts them anew."""
        payments = list(recent)
        arrivals_us = [each[0] for each in payments]
        self._in_order = arrivals_us == sorted(arrivals_us)
        if not self._in_order:
            self._hour = payments
            return
        self._hour, self._minutes_count = [], 0
        for same in self.currencies.values():
            same.clear_sums()
        for each in payments:
            self._append(each, self.in_currency(each[2]))

    def _scan(self, payment: Transaction, same: InCurrency, small_max: int) -> Seen:
        since_us, currency = payment.broker_time_us - TEN_MINUTES_US, payment.currency
        minutes = [each for each in self._hour if each[0] > since_us]
        before = [each[1] for each in minutes if each[2] == currency]
        return Seen(
            payment,
            self,
            same,
            len(minutes),
            sum(before),
            len(self._hour),
            sum(each[1] for each in self._hour if each[2] == currency),
            sum(amount_minor <= small_max for amount_minor in before),
        )

    def _use(self, device_id: str) -> None:
        devices = self.devices
        if device_id in devices:
            devices.remove(device_id)
        devices.append(device_id)
        del devices[:-DEVICES_MAX]

    def _append(self, recent: Recent, same: InCurrency) -> None:
        amount_minor = recent[1]
        self._hour.append(recent)
        self._minutes_count += 1
        same.hour_minor += amount_minor
        same.minutes_minor += amount_minor
        bisect.insort(same.minutes_sorted, amount_minor)

    def _leave_minutes(self) -> None:
        """Lets the oldest of the last ten minutes be of the last hour only."""
        _, amount_minor, currency = self._hour[-self._minutes_count]
        self._minutes_count -= 1
        same = self.currencies[currency]
        same.minutes_minor -= amount_minor
        del same.minutes_sorted[bisect.bisect_left(same.minutes_sorted, amount_minor)]

    def _leave_hour(self) -> None:
        """Drops the oldest of the last hour, which is not of the last ten minutes."""
        _, amount_minor, currency = self._hour.pop(0)
        self.currencies[currency].hour_minor -= amount_minor

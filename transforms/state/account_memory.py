"""The counts that are kept of an account, and their bounds."""

from __future__ import annotations

from typing import NamedTuple

# An account with more payments in an hour than this is far beyond every threshold: its counts stop
# here, and its memory at about 20 kB.
RECENT_MAX = 500
# Nobody pays with more devices than this; the one not used for longest is forgotten first.
DEVICES_MAX = 16

# A payment of the last hour: arrival_us, amount_minor, currency. A plain tuple, because there are
# hundreds in a busy account and a named one takes ten times as long to make.
Recent = tuple[int, int, str]


class Paid(NamedTuple):
    """What an account remembers of a payment; the names are those of Transaction."""

    account_id: str
    broker_time_us: int
    amount_minor: int
    currency: str
    event_time_us: int
    country: str | None
    device_id: str | None


class InCurrency:
    """What an account has paid in one currency; one object, because each payment changes all.

    Attributes:
        number, mean, m2: of the amounts of all payments, by Welford's method. Statistics, not
            money: floats, as stable as they come (Welford, Technometrics 4/3, 1962).
        hour_minor, minutes_minor: the sums of the last hour and ten minutes.
        minutes_sorted: the amounts of the last ten minutes, the smallest first.
    """

    __slots__ = ("hour_minor", "m2", "mean", "minutes_minor", "minutes_sorted", "number")

    def __init__(self, number: int = 0, mean: float = 0.0, m2: float = 0.0) -> None:
        self.number, self.mean, self.m2 = number, mean, m2
        self.clear_sums()

    def clear_sums(self) -> None:
        """Begins to count the last hour and ten minutes."""
        self.hour_minor = self.minutes_minor = 0
        self.minutes_sorted: list[int] = []

    def add_to_baseline(self, amount_minor: int) -> None:
        """Takes one amount more into mean and spread."""
        self.number += 1
        distance = amount_minor - self.mean
        self.mean += distance / self.number
        self.m2 += distance * (amount_minor - self.mean)

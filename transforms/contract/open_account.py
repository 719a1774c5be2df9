"""An account while a batch of its payments is judged: a step for each payment, not a scan of all.

The busiest accounts have hundreds of payments in an hour, and they are also those that pay most
often. Looking at all of them for every payment was half of a worker's time.
"""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict, deque

from transforms.contract.account_memory import (
    HOUR_US,
    RECENT_MAX,
    TEN_MINUTES_US,
    AccountMemory,
    Recent,
    Window,
    scan,
)
from transforms.contract.transaction import Transaction


class OpenAccount:
    """What is remembered of an account, with the sums of its last hour and ten minutes kept.

    Gives the same as AccountMemory and `scan`, one payment after the other
    (tests/unit/test_open_account.py).
    """

    def __init__(self, memory: AccountMemory) -> None:
        self.memory = memory._replace(recent=())
        self._hour: deque[Recent] = deque()
        self._minutes: deque[Recent] = deque()
        self._hour_sums: Counter[str] = Counter()
        self._minutes_sums: Counter[str] = Counter()
        self._minutes_sorted: defaultdict[str, list[int]] = defaultdict(list)
        # Sums follow the clock forward only. A payment from before the newest, which only a
        # record behind the watermark can be, turns this account over to scanning.
        self._in_order = True
        for each in memory.recent:
            self._append(each)

    def window(self, payment: Transaction, small_max: int) -> Window:
        """Returns what `scan` returns, and lets go of what is older than an hour."""
        if payment.broker_time_us < self.memory.last_arrival_us:
            self._in_order = False
        if not self._in_order:
            return scan(self._hour, payment, small_max)
        self._move_to(payment.broker_time_us)
        currency = payment.currency
        return Window(
            len(self._minutes),
            self._minutes_sums[currency],
            len(self._hour),
            self._hour_sums[currency],
            bisect.bisect_right(self._minutes_sorted[currency], small_max),
        )

    def add(self, payment: Transaction) -> None:
        """Remembers a payment whose window has been looked at."""
        if not self._in_order:
            from_us = payment.broker_time_us - HOUR_US
            self._hour = deque(each for each in self._hour if each.arrival_us > from_us)
        self.memory = self.memory.after_but_recent(payment)
        self._append(Recent(payment.broker_time_us, payment.amount_minor, payment.currency))
        if len(self._hour) > RECENT_MAX:
            self._drop_oldest()

    def closed(self) -> AccountMemory:
        """Returns what is to be remembered, as it rests in state."""
        return self.memory._replace(recent=tuple(self._hour))

    def _append(self, each: Recent) -> None:
        if self._hour and each.arrival_us < self._hour[-1].arrival_us:
            self._in_order = False
        self._hour.append(each)
        self._minutes.append(each)
        self._hour_sums[each.currency] += each.amount_minor
        self._minutes_sums[each.currency] += each.amount_minor
        bisect.insort(self._minutes_sorted[each.currency], each.amount_minor)

    def _move_to(self, now_us: int) -> None:
        while self._hour and self._hour[0].arrival_us <= now_us - HOUR_US:
            self._drop_oldest()
        while self._minutes and self._minutes[0].arrival_us <= now_us - TEN_MINUTES_US:
            self._drop_oldest_of_minutes()

    def _drop_oldest(self) -> None:
        if self._in_order and len(self._minutes) == len(self._hour):
            self._drop_oldest_of_minutes()
        gone = self._hour.popleft()
        self._hour_sums[gone.currency] -= gone.amount_minor

    def _drop_oldest_of_minutes(self) -> None:
        gone = self._minutes.popleft()
        self._minutes_sums[gone.currency] -= gone.amount_minor
        amounts = self._minutes_sorted[gone.currency]
        del amounts[bisect.bisect_left(amounts, gone.amount_minor)]

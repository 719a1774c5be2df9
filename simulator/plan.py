"""Plans the records in order: payments and faults, mixed in the shares asked for."""

from __future__ import annotations

import heapq
import itertools
import random
import sys
from collections.abc import Iterable, Iterator
from typing import Protocol

from simulator import faults, mix
from simulator.generate import Account, Payment, PaymentSource, Pools
from simulator.invalid import Corruptor
from simulator.routing import Route, Router
from simulator.send import Later, Send, Write, send_of, settle
from simulator.traffic import Traffic
from transforms.payment.outcome import Outcome


class Clock(Protocol):
    """Tells the plan what time it is at the gateway; `Schedule` is one."""

    def event_time_us(self, n: int) -> int:
        """Returns the moment of record number `n`, microseconds since the epoch."""

    def arrival_us(self, event_time_us: int) -> int:
        """Returns when a payment of this moment arrives, microseconds since the epoch."""


class Spoils(Protocol):
    """Makes records that cannot be counted; invalid.Corruptor is one."""

    def corrupt(self, payment: Payment, route: Route, now_us: int) -> Iterator[Later]:
        """Yields a record that must be invalid, and sometimes the corrected payment after it."""


class Speech(Protocol):
    """Speaks another form than our own JSON; contracts.speech.Speech is one."""

    conflicts: tuple[str, ...]
    can_be_late: bool

    def send_of(
        self, payment: Payment, route: Route, event_time_us: int, expected: Outcome, fault: str, /
    ) -> Send:
        """Returns the record that carries a well-formed payment."""

    def not_payment(self, payment: Payment, route: Route, event_time_us: int) -> Send:
        """Returns a record that is not the payment yet, or no longer."""

    def spoils(self, rng: random.Random) -> Spoils:
        """Returns what makes records that cannot be counted."""


class Plan(Iterator[Send]):
    """Yields every record of a run, in the order in which it must be sent.

    The order, the payments and the faults come from the traffic and its seed; the clock only
    stamps them.
    A copy that is due after the end of the run is sent at its end: nothing planned is dropped.
    """

    def __init__(
        self,
        traffic: Traffic,
        pools: Pools,
        partitions: int,
        clock: Clock,
        speech: Speech | None = None,
    ) -> None:
        self._traffic = traffic
        self._clock = clock
        self._router = Router(partitions)
        self._pools = pools
        self._source = PaymentSource(traffic.seed, pools)
        # A generator of their own: other ratios must not change the payments.
        self._rng = random.Random(f"{traffic.seed}:faults")
        self._speech = speech
        self._write: Write = send_of if speech is None else speech.send_of
        self._corruptor: Spoils = (
            Corruptor(self._rng) if speech is None else speech.spoils(self._rng)
        )
        self._shapes = mix.shapes(traffic, self._rng)
        self._odds = mix.Odds.of(traffic)
        self._steps = self._odds.steps(self._rng)
        self._records_per_sec = mix.records_per_delay_sec(traffic)
        self._records = sys.maxsize if traffic.records is None else traffic.records
        self._n = 0
        self._serial = itertools.count()
        # (due, serial, send): what is planned and not yet sent. The serial keeps the order of
        # records that are due at once: a payment comes before its copies.
        self._waiting: list[tuple[int, int, Send]] = []

    def __iter__(self) -> Plan:
        return self

    def __next__(self) -> Send:
        now_us = self._clock.event_time_us(self._n)
        send: Send | None = None
        while send is None and not self._is_due() and self._room() > 0:
            send = self._plan_payment(now_us)
        if send is None:
            if not self._waiting:
                raise StopIteration
            send = heapq.heappop(self._waiting)[2]
        self._n += 1
        return settle(send, self._clock.arrival_us(now_us))

    @property
    def sent(self) -> int:
        """Returns how many records were yielded."""
        return self._n

    def drain(self) -> None:
        """Plans no more payments: what follows is what was planned for later."""
        self._records = 0

    def _is_due(self) -> bool:
        return bool(self._waiting) and self._waiting[0][0] <= self._n

    def _room(self) -> int:
        return self._records - self._n - len(self._waiting)

    def _plan_payment(self, now_us: int) -> Send | None:
        """Returns the record to send at once, if any; the others wait for their moment."""
        # Only what the run has room for: --count holds exactly.
        planned = list(itertools.islice(self._records_of_step(now_us), self._room()))
        head = None if planned[0].delay_sec else planned.pop(0).send
        for later in planned:
            due = self._n + int(later.delay_sec * self._records_per_sec)
            heapq.heappush(self._waiting, (due, next(self._serial), later.send))
        return head

    def _records_of_step(self, now_us: int) -> Iterable[Later]:
        step = next(self._steps)
        if step == "late":
            burst = range(self._traffic.late_burst_size)
            return itertools.chain.from_iterable(self._late(now_us) for _ in burst)
        account, payment = self._source.next(now_us)
        if step == "payment":
            return self._payment_with_followers(account, payment, now_us)
        route = self._router.home(account.key)
        if step == "invalid":
            return self._corruptor.corrupt(payment, route, now_us)
        return [Later(0, faults.nearly_late(payment, route, now_us, self._rng, self._write))]

    def _late(self, now_us: int) -> Iterator[Later]:
        account, payment = self._source.next(now_us)
        route = self._router.home(account.key)
        if self._speech is not None and not self._speech.can_be_late:
            return iter([Later(0, self._write(payment, route, now_us, Outcome.ACCEPTED, "none"))])
        return faults.late(payment, route, now_us, self._rng, self._write)

    def _payment_with_followers(
        self, account: Account, payment: Payment, now_us: int
    ) -> list[Later]:
        rng, odds = self._rng, self._odds
        route = self._router.home(account.key)
        original = self._write(payment, route, now_us, Outcome.ACCEPTED, "none")
        held_back_sec = 0.0
        if rng.random() < self._traffic.reorder_ratio:
            held_back_sec = faults.reorder(rng)
            original = original._replace(fault="reorder")
        planned = [Later(held_back_sec, original)]
        if odds.skipped and self._speech is not None and rng.random() < odds.skipped:
            life = (self._speech.not_payment(payment, route, now_us) for _ in range(odds.life))
            planned = [*(Later(held_back_sec, send) for send in life), *planned]
        if rng.random() < odds.duplicate:
            copies = faults.duplicate(original, next(self._shapes), self._router)
            planned += (Later(held_back_sec + delay_sec, send) for delay_sec, send in copies)
        if rng.random() < odds.conflict:
            delay_sec, send = self._conflict(original, payment)
            planned.append(Later(held_back_sec + delay_sec, send))
        return planned

    def _conflict(self, original: Send, payment: Payment) -> Later:
        if self._speech is None:
            return faults.conflict(original, payment, self._pools, self._rng)
        kinds = self._speech.conflicts
        return faults.conflict(
            original, payment, self._pools, self._rng, write=self._write, kinds=kinds
        )

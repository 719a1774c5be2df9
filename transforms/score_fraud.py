"""Step 7: asks of each accepted payment whether it looks like fraud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, VarIntCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.timestamp import Timestamp

from transforms import metrics
from transforms.batch_by_shard import BatchByShard, Shards
from transforms.contract import packed
from transforms.contract.account_book import AccountBook, BookHeader
from transforms.contract.fraud_rules import FraudRules, Indicator, Raised
from transforms.contract.transaction import Transaction

# Arrivals of so long a time are judged at once: state is then asked once per shard and not once per
# payment. An indicator is a question for a human, who does not answer sooner.
_STRETCH_US = 10_000_000
# Accounts are freed at the latest a quarter of their memory after its end.
_SWEEPS_PER_MEMORY = 4


class ScoreFraud(beam.PTransform):
    """Raises indicators, payment by payment of each account in the order of arrival.

    Input:      [accepted Transaction, …], global window; conflicts ([Copy, …]).
    Output:     [Raised, …], as many as the rules say: none for most payments.
    Guarantee:  duplicates and conflicts never get near the memory of an account. The order is that
                of (arrival, topic, partition, offset), not that in which a runner delivers, so a
                replay raises the same.
    Limit:      a payment that comes behind the watermark is judged when it comes.
    State:      AccountMemory, 200 bytes to 20 kB per account, up to three times in the log of its
                shard; freed by a timer when an account has not paid for FraudRules.memory_us.
    """

    def __init__(self, rules: FraudRules, shards: Shards) -> None:
        super().__init__()
        self._rules = rules
        self._shards = shards

    def expand(
        self, inputs: tuple[beam.PCollection[list[Transaction]], beam.PCollection[Any]]
    ) -> list[beam.PCollection[list[Raised]]]:
        """Returns what payments raise, and what conflicts raise."""
        accepted, conflicts = inputs
        by_payments = (
            accepted
            | "BatchByShard" >> BatchByShard(_account_of, self._shards)
            | "Judge" >> beam.ParDo(_JudgeFn(self._rules))
        )
        by_conflicts = conflicts | "RaiseConflict" >> beam.Map(_conflicts)
        return [by_payments, by_conflicts]


def _account_of(payment: Transaction) -> str:
    return payment.account_id


def _conflicts(copies: list[Any]) -> list[Raised]:
    return [Raised(Indicator.CONFLICT, each.transaction, first=each.first) for each in copies]


def _place(payment: Transaction) -> tuple[int, str, int, int]:
    return payment.broker_time_us, payment.topic, payment.partition, payment.offset


def _stretch_end_us(earliest_us: int) -> int:
    """Returns the end of the stretch of time in which the earliest payment arrived."""
    return earliest_us - earliest_us % _STRETCH_US + _STRETCH_US


class _JudgeFn(beam.DoFn):
    """Lets payments wait until the watermark says that none before them is missing, then judges.

    [A@03 B@01]   → wait; settle timer := 10
    [A@12]        → waits; the timer stays
    watermark 10  → judges B@01, A@03; their memories go into the log; settle timer := 20
    watermark 20  → judges A@12
    a day without payments of B → B is swept out, and the log is written anew
    """

    # State and timer names survive a job update: renaming one loses what is remembered.
    WAITING = BagStateSpec("waiting", BytesCoder())  # contract/packed.py
    SETTLES_AT = ReadModifyWriteStateSpec("settles_at_us", VarIntCoder())
    HEADER = ReadModifyWriteStateSpec("book_header", BytesCoder())
    LOG = BagStateSpec("account_log", BytesCoder())
    SETTLE = TimerSpec("settle", TimeDomain.WATERMARK)
    SWEEP = TimerSpec("sweep", TimeDomain.WATERMARK)

    def __init__(self, rules: FraudRules) -> None:
        self._rules = rules
        self._raised = metrics.counter("fraud_indicators_raised")
        self._forgotten = metrics.counter("accounts_forgotten")
        self._books: dict[int, AccountBook] = {}

    def process(
        self,
        element: tuple[int, bytes],
        timestamp: Any = beam.DoFn.TimestampParam,
        waiting: Any = beam.DoFn.StateParam(WAITING),
        settles_at_us: Any = beam.DoFn.StateParam(SETTLES_AT),
        settle: Any = beam.DoFn.TimerParam(SETTLE),
    ) -> None:
        waiting.add(element[1])
        # The timestamp of a batch is its earliest arrival.
        due_us, set_us = _stretch_end_us(timestamp.micros), settles_at_us.read()
        if set_us is None or due_us < set_us:
            settles_at_us.write(due_us)
            settle.set(Timestamp(micros=due_us))

    @on_timer(SETTLE)
    def judge(  # noqa: PLR0917
        self,
        shard: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        waiting: Any = beam.DoFn.StateParam(WAITING),
        settles_at_us: Any = beam.DoFn.StateParam(SETTLES_AT),
        header: Any = beam.DoFn.StateParam(HEADER),
        log: Any = beam.DoFn.StateParam(LOG),
        settle: Any = beam.DoFn.TimerParam(SETTLE),
        sweep: Any = beam.DoFn.TimerParam(SWEEP),
    ) -> Iterator[list[Raised]]:
        """Judges the payments that arrived before now, in the order of their arrival."""
        payments = [each for batch in waiting.read() for each in packed.unpack(batch)]
        payments.sort(key=_place)
        due = [each for each in payments if each.broker_time_us < fired_at.micros]
        later = payments[len(due) :]
        waiting.clear()
        settles_at_us.clear()
        if later:
            waiting.add(packed.pack(later))
            due_us = _stretch_end_us(later[0].broker_time_us)
            settles_at_us.write(due_us)
            settle.set(Timestamp(micros=due_us))
        if due:
            book = self._book(shard, header, log)
            raised, part = book.judge(self._rules, due)
            log.add(part)
            if book.needs_rewriting():
                log.clear()
                log.add(book.rewritten())
            if not book.header.sweep_at_us:
                self._set_sweep(book, due[-1].broker_time_us, sweep)
            self._save(shard, book, header)
            if raised:
                self._raised.inc(len(raised))
                yield raised

    @on_timer(SWEEP)
    def forget_accounts(  # noqa: PLR0917
        self,
        shard: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        settles_at_us: Any = beam.DoFn.StateParam(SETTLES_AT),
        header: Any = beam.DoFn.StateParam(HEADER),
        log: Any = beam.DoFn.StateParam(LOG),
        sweep: Any = beam.DoFn.TimerParam(SWEEP),
    ) -> None:
        """Forgets the accounts that have not paid for long."""
        unsettled_us = settles_at_us.read()
        if unsettled_us is not None and unsettled_us <= fired_at.micros:
            # At the end of bounded input all timers are due, and fire in any order.
            sweep.set(fired_at)
            return
        book = self._book(shard, header, log)
        self._forgotten.inc(book.forget(self._rules, fired_at.micros))
        log.clear()
        if len(book):
            log.add(book.rewritten())
            self._set_sweep(book, fired_at.micros, sweep)
            self._save(shard, book, header)
        else:
            header.clear()

    def _set_sweep(self, book: AccountBook, now_us: int, sweep: Any) -> None:
        book.header.sweep_at_us = now_us + self._rules.memory_us // _SWEEPS_PER_MEMORY
        sweep.set(Timestamp(micros=book.header.sweep_at_us))

    def _book(self, shard: int, header: Any, log: Any) -> AccountBook:
        """Returns the book as state has it: a worker's copy, if it is a copy of this very state."""
        stored = BookHeader.decode(header.read())
        # Taken out: should this bundle fail halfway, what it did to the copy is gone with it.
        copy = self._books.pop(shard, None)
        if copy is not None and copy.header.token == stored.token:
            return copy
        return AccountBook(stored, log.read() if stored.parts else ())

    def _save(self, shard: int, book: AccountBook, header: Any) -> None:
        book.header.token = os.urandom(8).hex()
        header.write(book.header.encode())
        self._books[shard] = book

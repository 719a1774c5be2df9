"""Step 7: asks of each accepted payment whether it looks like fraud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, ListCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.trigger import AccumulationMode, AfterCount, AfterWatermark
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.transforms.window import FixedWindows, GlobalWindows
from apache_beam.utils.timestamp import Duration, Timestamp

from transforms import coders, metrics
from transforms.contract.account_memory import AccountMemory
from transforms.contract.fraud_rules import FraudRules, Indicator, Raised
from transforms.contract.transaction import Transaction

# State is asked once per account and batch, not once per payment: ten seconds of arrivals wait for
# each other. An indicator is a question for a human, who does not answer sooner.
BATCH_SEC = 10


class ScoreFraud(beam.PTransform):
    """Raises indicators, payment by payment of each account in the order of arrival.

    Input:      accepted Transaction, global window, element timestamp = arrival; conflicts (Copy).
    Output:     Raised, as many as the rules say: none for most payments.
    Guarantee:  duplicates and conflicts never get near the memory of an account. The order is that
                of (arrival, topic, partition, offset), not that in which a runner delivers, so a
                replay raises the same.
    Limit:      a payment that comes behind the watermark is judged when it comes.
    State:      AccountMemory, 200 bytes to 20 kB per account, freed by a timer when an account has
                not paid for FraudRules.memory_us; the payments of one batch while they wait.
    """

    def __init__(self, rules: FraudRules, keep_open_us: int) -> None:
        super().__init__()
        self._rules = rules
        self._keep_open_us = keep_open_us

    def expand(
        self, inputs: tuple[beam.PCollection[Transaction], beam.PCollection[Any]]
    ) -> list[beam.PCollection[Raised]]:
        """Returns what payments raise, and what conflicts raise."""
        accepted, conflicts = inputs
        by_payments = (
            accepted
            | "KeyByAccount" >> beam.Map(_by_account).with_output_types(tuple[str, Transaction])
            | "IntoBatches"
            >> beam.WindowInto(
                FixedWindows(BATCH_SEC),
                trigger=AfterWatermark(late=AfterCount(1)),
                accumulation_mode=AccumulationMode.DISCARDING,
                # Nothing may be dropped, however far behind the watermark it comes.
                allowed_lateness=Duration(micros=self._keep_open_us),
            )
            | "Gather" >> beam.GroupByKey()
            | "ToList" >> beam.Map(_to_list).with_output_types(tuple[str, list[Transaction]])
            | "OutOfBatches" >> beam.WindowInto(GlobalWindows())
            | "Judge" >> beam.ParDo(_JudgeFn(self._rules))
        )
        by_conflicts = conflicts | "RaiseConflict" >> beam.Map(_conflict)
        return [by_payments, by_conflicts]


def _by_account(payment: Transaction) -> tuple[str, Transaction]:
    return payment.account_id, payment


def _to_list(
    element: tuple[str, Iterable[Transaction]],
) -> tuple[str, list[Transaction]]:
    return element[0], list(element[1])


def _conflict(copy: Any) -> Raised:
    return Raised(Indicator.CONFLICT, copy.transaction, first=copy.first)


def _place(payment: Transaction) -> tuple[int, str, int, int]:
    return payment.broker_time_us, payment.topic, payment.partition, payment.offset


class _JudgeFn(beam.DoFn):
    """Judges what has waited, in order, then remembers the account until it is quiet for long.

        batch [A@03 A@01]  → waits; settle timer := now
        settle             → judges A@01, then A@03; memory := after both; forget := 03 + memory_us
        batch [A@12]       → waits, is judged, forget := 12 + memory_us
        forget             → memory cleared

    In a stream the settle timer fires at once, for the batch is complete when it comes. Bounded,
    all batches come first, in any order, and are judged together.
    """

    # State and timer names survive a job update: renaming one loses what is remembered.
    WAITING = BagStateSpec("waiting", ListCoder(coders.TRANSACTION))
    MEMORY = ReadModifyWriteStateSpec("account_memory", BytesCoder())
    SETTLE = TimerSpec("settle", TimeDomain.WATERMARK)
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(self, rules: FraudRules) -> None:
        self._rules = rules
        self._raised = metrics.counter("fraud_indicators_raised")
        self._forgotten = metrics.counter("accounts_forgotten")

    def process(
        self,
        element: tuple[str, list[Transaction]],
        timestamp: Any = beam.DoFn.TimestampParam,
        waiting: Any = beam.DoFn.StateParam(WAITING),
        settle: Any = beam.DoFn.TimerParam(SETTLE),
    ) -> None:
        waiting.add(element[1])
        settle.set(timestamp)

    @on_timer(SETTLE)
    def judge(
        self,
        waiting: Any = beam.DoFn.StateParam(WAITING),
        memory: Any = beam.DoFn.StateParam(MEMORY),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[Raised]:
        """Judges all payments that have waited, in the order of their arrival."""
        payments = sorted((each for batch in waiting.read() for each in batch), key=_place)
        if not payments:
            return
        waiting.clear()
        stored = memory.read()
        remembered = None if stored is None else AccountMemory.decode(stored)
        for payment in payments:
            remembered, raised = self._rules.judge(remembered, payment)
            self._raised.inc(len(raised))
            yield from raised
        assert remembered is not None
        memory.write(remembered.encode())
        forget.set(Timestamp(micros=self._rules.forget_at_us(remembered)))

    @on_timer(FORGET)
    def forget_account(self, memory: Any = beam.DoFn.StateParam(MEMORY)) -> None:
        """Forgets an account that has not paid for long."""
        self._forgotten.inc()
        memory.clear()

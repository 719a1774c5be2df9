"""Judges the payments of a shard, stretch by stretch of their arrival."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.timestamp import Timestamp

from transforms import metrics
from transforms.batch_by_shard import Shards
from transforms.batch_by_stretch import clocks
from transforms.payment.fraud_rules import FraudAlert, FraudRules
from transforms.state.account_state import AccountState, BookHeader
from transforms.state.arrival_queue import ArrivalQueue
from transforms.state.stretch import Piece, merged, pieces

# Accounts are freed at the latest a quarter of their memory after its end.
_SWEEPS_PER_MEMORY = 4


class JudgeByStretch(beam.DoFn):
    """Lets payments wait until the watermark says that none before them is missing, then judges.

    Shard 0, with stretches of 5 s:
    [A@03 B@01]   → wait in cell 0; settle timer := 5
    [A@06]        → waits in cell 1; the timer stays
    watermark 5   → judges B@01, A@03, which go into the log; settle timer := 10
    watermark 10  → judges A@06
    a day without payments of B → B is swept out, and the log is written anew
    """

    # State and timer names survive a job update: renaming one loses what is remembered.
    QUEUE = ReadModifyWriteStateSpec("arrival_queue", BytesCoder())
    CELL_0 = BagStateSpec("waiting_0", BytesCoder())
    CELL_1 = BagStateSpec("waiting_1", BytesCoder())
    CELL_2 = BagStateSpec("waiting_2", BytesCoder())
    CELL_3 = BagStateSpec("waiting_3", BytesCoder())
    CELL_4 = BagStateSpec("waiting_4", BytesCoder())
    CELL_5 = BagStateSpec("waiting_5", BytesCoder())
    CELL_6 = BagStateSpec("waiting_6", BytesCoder())
    CELL_7 = BagStateSpec("waiting_7", BytesCoder())
    HEADER = ReadModifyWriteStateSpec("account_header", BytesCoder())
    LOG = BagStateSpec("account_payments", BytesCoder())
    SETTLE = TimerSpec("settle", TimeDomain.WATERMARK)
    SWEEP = TimerSpec("sweep", TimeDomain.WATERMARK)

    def __init__(self, rules: FraudRules, shards: Shards) -> None:
        self._rules = rules
        self._clocks = clocks(shards)
        self._raised = metrics.counter("fraud_indicators_raised")
        self._forgotten = metrics.counter("accounts_forgotten")
        self._books: dict[int, AccountState] = {}

    def process(  # noqa: PLR0917
        self,
        element: tuple[int, bytes],
        queue: Any = beam.DoFn.StateParam(QUEUE),
        cell_0: Any = beam.DoFn.StateParam(CELL_0),
        cell_1: Any = beam.DoFn.StateParam(CELL_1),
        cell_2: Any = beam.DoFn.StateParam(CELL_2),
        cell_3: Any = beam.DoFn.StateParam(CELL_3),
        cell_4: Any = beam.DoFn.StateParam(CELL_4),
        cell_5: Any = beam.DoFn.StateParam(CELL_5),
        cell_6: Any = beam.DoFn.StateParam(CELL_6),
        cell_7: Any = beam.DoFn.StateParam(CELL_7),
        settle: Any = beam.DoFn.TimerParam(SETTLE),
    ) -> None:
        """Lets the payments of a batch wait."""
        cells = (cell_0, cell_1, cell_2, cell_3, cell_4, cell_5, cell_6, cell_7)
        waiting = ArrivalQueue.decode(queue.read())
        due_before = waiting.due()
        for piece in pieces(element[1]):
            cells[waiting.put(piece.stretch, piece.number)].add(piece.encode())
        queue.write(waiting.encode())
        if waiting.due() != due_before:
            self._set(settle, element[0], waiting)

    @on_timer(SETTLE)
    def judge(  # noqa: PLR0917
        self,
        shard: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        queue: Any = beam.DoFn.StateParam(QUEUE),
        cell_0: Any = beam.DoFn.StateParam(CELL_0),
        cell_1: Any = beam.DoFn.StateParam(CELL_1),
        cell_2: Any = beam.DoFn.StateParam(CELL_2),
        cell_3: Any = beam.DoFn.StateParam(CELL_3),
        cell_4: Any = beam.DoFn.StateParam(CELL_4),
        cell_5: Any = beam.DoFn.StateParam(CELL_5),
        cell_6: Any = beam.DoFn.StateParam(CELL_6),
        cell_7: Any = beam.DoFn.StateParam(CELL_7),
        header: Any = beam.DoFn.StateParam(HEADER),
        log: Any = beam.DoFn.StateParam(LOG),
        settle: Any = beam.DoFn.TimerParam(SETTLE),
        sweep: Any = beam.DoFn.TimerParam(SWEEP),
    ) -> Iterator[list[FraudAlert]]:
        """Judges the earliest payments that wait, or spreads them where they are too many."""
        cells = (cell_0, cell_1, cell_2, cell_3, cell_4, cell_5, cell_6, cell_7)
        waiting = ArrivalQueue.decode(queue.read())
        due_us = self._due_us(shard, waiting)
        if due_us is None or due_us > fired_at.micros:  # a timer from before the last batch
            self._set(settle, shard, waiting)
            return
        too_large, span = waiting.too_large(), waiting.take()
        due = [piece for encoded in cells[span.cell].read() for piece in pieces(encoded)]
        cells[span.cell].clear()
        if too_large:
            _spread(due, waiting, cells)
        else:
            raised = self._judge(shard, due, header, log, sweep)
            if raised:
                self._raised.inc(len(raised))
                yield raised
        if waiting:
            queue.write(waiting.encode())
            self._set(settle, shard, waiting)
        else:
            queue.clear()

    @on_timer(SWEEP)
    def forget_accounts(  # noqa: PLR0917
        self,
        shard: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        queue: Any = beam.DoFn.StateParam(QUEUE),
        header: Any = beam.DoFn.StateParam(HEADER),
        log: Any = beam.DoFn.StateParam(LOG),
        sweep: Any = beam.DoFn.TimerParam(SWEEP),
    ) -> None:
        """Forgets the accounts that have not paid for long."""
        due_us = self._due_us(shard, ArrivalQueue.decode(queue.read()))
        if due_us is not None and due_us <= fired_at.micros:
            # At the end of bounded input all timers are due, and fire in any order.
            sweep.set(fired_at)
            return
        book = self._book(shard, header, log)
        self._forgotten.inc(book.forget(fired_at.micros))
        if book:
            self._set_sweep(book, fired_at.micros, sweep)
            _write_anew(book, log)
            self._save(shard, book, header)
        else:
            log.clear()
            header.clear()

    def _judge(
        self, shard: int, due: Sequence[Piece], header: Any, log: Any, sweep: Any
    ) -> list[FraudAlert]:
        payments = merged([piece.payments() for piece in due])
        book = self._book(shard, header, log)
        raised, part = book.judge(payments)
        if book.needs_rewriting():
            _write_anew(book, log)
        else:
            log.add(part)
        if not book.header.sweep_at_us:
            self._set_sweep(book, payments[-1].broker_time_us, sweep)
        self._save(shard, book, header)
        return raised

    def _due_us(self, shard: int, waiting: ArrivalQueue) -> int | None:
        due = waiting.due()
        return None if due is None else self._clocks[shard].end_us(due)

    def _set(self, settle: Any, shard: int, waiting: ArrivalQueue) -> None:
        due_us = self._due_us(shard, waiting)
        if due_us is not None:
            settle.set(Timestamp(micros=due_us))

    def _set_sweep(self, book: AccountState, now_us: int, sweep: Any) -> None:
        book.header.sweep_at_us = now_us + self._rules.memory_us // _SWEEPS_PER_MEMORY
        sweep.set(Timestamp(micros=book.header.sweep_at_us))

    def _book(self, shard: int, header: Any, log: Any) -> AccountState:
        """Returns the book as state has it: a worker's copy, if it is a copy of this very state."""
        stored = BookHeader.decode(header.read())
        # Taken out: should this bundle fail halfway, what it did to the copy is gone with it.
        copy = self._books.pop(shard, None)
        if copy is not None and copy.header.token == stored.token:
            return copy
        parts = log.read() if stored.parts else ()
        return AccountState(self._rules, stored, parts, len(self._clocks))

    def _save(self, shard: int, book: AccountState, header: Any) -> None:
        book.header.token = os.urandom(8).hex()
        header.write(book.header.encode())
        self._books[shard] = book


def _write_anew(book: AccountState, log: Any) -> None:
    log.clear()
    for part in book.rewritten():
        log.add(part)


def _spread(due: Sequence[Piece], waiting: ArrivalQueue, cells: Sequence[Any]) -> None:
    counts = Counter[int]()
    for piece in due:
        counts[piece.stretch] += piece.number
    cell_of = waiting.spread(counts)
    for piece in due:
        cells[cell_of[piece.stretch]].add(piece.encode())

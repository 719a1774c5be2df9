"""Runs a simulation, from the first record to the last acknowledgement."""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from simulator import clock
from simulator.contracts.encoder import Encoder
from simulator.contracts.speech import Speech
from simulator.generate import make_pools
from simulator.ledger import LedgerWriter, entry_of
from simulator.plan import Plan
from simulator.produce import IN_FLIGHT_MAX, ProduceError, Publisher
from simulator.report import Report
from simulator.schedule import BEHIND_SEC_MAX, Schedule
from simulator.traffic import Traffic
from simulator.transactions import OpenTransaction, TransactionalPublisher

# Small enough that acknowledgements, signals and progress are seen to many times a second.
_CHUNK_RECORDS = 500
_IDLE_SEC_MIN, _IDLE_SEC_MAX = 0.001, 0.05
_LEDGER_FLUSH_SEC = 0.5
_FLUSH_SEC_MAX = 245.0  # the producer itself gives a record up after 240 s
_STOP_FLUSH_SEC_MAX = 10.0  # well within the 30 s that Kubernetes grants


class Job(NamedTuple):
    """Where to send which traffic."""

    traffic: Traffic
    bootstrap_servers: str
    topic: str
    connection: dict[str, Any]  # for kafka-python, secrets among it
    ledger: Path | None
    start_time_us: int | None  # event time of the first payment; None is the moment of sending
    encoder: Encoder | None = None  # by a contract; None is our own JSON


def run(job: Job) -> int:
    """Sends the traffic and returns the exit code: 0, or 128 + the signal that ended it.

    Raises:
        ProduceError: the records cannot be delivered. The ledger has all that was sent.
    """
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(_signals())
        publisher = _publisher(job)
        stack.callback(publisher.close)
        if off_sec := job.traffic.clock_off_sec:
            clock.check(job.topic, job.connection, off_sec)
        ledger = stack.enter_context(LedgerWriter(job.ledger)) if job.ledger else None
        sender = _Sender(job, publisher, ledger, stop)
        try:
            sender.send_all()
        finally:
            sender.finish()
        if publisher.failure is not None:
            raise publisher.failure
        return 128 + stop.signal_number if stop.is_set() else 0


def _publisher(job: Job) -> Publisher:
    if job.traffic.transaction_records:
        return TransactionalPublisher(job.bootstrap_servers, job.topic, job.connection, job.traffic)
    off_sec = job.traffic.clock_off_sec
    return Publisher(job.bootstrap_servers, job.topic, job.connection, off_sec)


class _Sender:
    def __init__(
        self, job: Job, publisher: Publisher, ledger: LedgerWriter | None, stop: _Stop
    ) -> None:
        self._job = job
        self._publisher = publisher
        self._ledger = ledger
        self._stop = stop
        pools = make_pools(job.traffic.seed, job.traffic.accounts)  # slow: before the clock starts
        now_us = time.time_ns() // 1000 + round(job.traffic.clock_off_sec * 1e6)
        start_us = now_us if job.start_time_us is None else job.start_time_us
        self._schedule = Schedule(job.traffic.rate_per_sec, start_us, now_us - start_us)
        speech = None if job.encoder is None else Speech(job.encoder)
        self._plan = Plan(job.traffic, pools, publisher.partitions, self._schedule, speech)
        self._report = Report()
        self._end_sec = _end_sec(job.traffic)
        self._flushed_sec = time.monotonic()
        self._open: OpenTransaction | None = None
        if open_sec := job.traffic.open_transaction_sec:
            self._open = OpenTransaction(job.bootstrap_servers, job.topic, job.connection, open_sec)

    def send_all(self) -> None:
        """Sends until the plan is empty, a record is refused, or a signal comes."""
        publisher, plan = self._publisher, self._plan
        while not self._stop.is_set() and publisher.failure is None:
            self._collect()
            if time.monotonic() >= self._end_sec:
                plan.drain()
            self._keep_up()
            due = self._schedule.due() - plan.sent
            if due <= 0 or publisher.in_flight >= IN_FLIGHT_MAX:
                wait_sec = self._schedule.wait_sec(plan.sent)
                time.sleep(min(max(wait_sec, _IDLE_SEC_MIN), _IDLE_SEC_MAX))
                continue
            first = plan.sent
            for n, send in enumerate(itertools.islice(plan, min(due, _CHUNK_RECORDS)), first):
                if n == 0 and self._open is not None:
                    self._open.begin(send)
                publisher.send(n, send)
            if plan.sent == first:
                return

    def finish(self) -> None:
        """Waits for what is under way, completes the ledger and says what was sent."""
        if self._publisher.failure is None:
            self._publisher.complete()
        begin_sec = time.monotonic()
        while self._publisher.in_flight:
            stopped = self._stop.is_set() or self._publisher.failure is not None
            wait_sec_max = _STOP_FLUSH_SEC_MAX if stopped else _FLUSH_SEC_MAX
            if time.monotonic() - begin_sec > wait_sec_max:
                break
            time.sleep(_IDLE_SEC_MIN)
            self._collect()
        while self._open is not None and self._open.open:
            self._open.end(at_once=self._stop.is_set() or self._publisher.failure is not None)
            time.sleep(_IDLE_SEC_MAX)
        unacknowledged = self._publisher.unacknowledged()
        if self._ledger is not None:
            for n, send in unacknowledged:
                self._ledger.write(entry_of(n, self._job.topic, send, None))
        self._report.finish(len(unacknowledged))
        print(self._report.summary())

    def _collect(self) -> None:
        for record in self._publisher.acknowledged():
            self._report.add(record)
            if self._ledger is not None:
                entry = entry_of(
                    record.n, self._job.topic, record.send, record.offset, record.broker_time_ms
                )
                self._ledger.write(entry)
        if self._open is not None:
            self._open.end()
        now_sec = time.monotonic()
        if self._ledger is not None and now_sec - self._flushed_sec >= _LEDGER_FLUSH_SEC:
            self._ledger.flush()
            self._flushed_sec = now_sec
        self._report.progress(self._plan.sent)

    def _keep_up(self) -> None:
        behind_sec = self._schedule.behind_sec(self._plan.sent)
        if behind_sec <= BEHIND_SEC_MAX:
            return
        if self._job.start_time_us is not None:
            raise ProduceError(
                f"{behind_sec:.0f} s behind the schedule, and --start_time fixes every event time: "
                "payments would arrive later than the ledger says. Hint: a lower --rate_per_sec"
            )
        print(
            f"{behind_sec:.0f} s behind --rate_per_sec {self._job.traffic.rate_per_sec:g}: "
            "the schedule moves on from here",
            file=sys.stderr,
        )
        self._schedule.move(behind_sec)


class _Stop(threading.Event):
    signal_number = 0


@contextlib.contextmanager
def _signals() -> Iterator[_Stop]:
    """Turns the first SIGINT or SIGTERM into an event; a second one ends the process at once."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may ask for signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.signal_number = number
        stop.set()
        for each in before:
            signal.signal(each, signal.SIG_DFL)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_sec(traffic: Traffic) -> float:
    if traffic.duration_sec is None or traffic.records is not None:
        return float("inf")
    return time.monotonic() + traffic.duration_sec

"""Follows one payment, or one record, through the tables and Kafka."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from typing import Any

from operations.errors import CannotCheck
from operations.kafka_client import Unreachable
from operations.reconcile.truth import Partition, Place
from operations.runs.run import Run
from operations.trace.found import Asked, State, Trace, Waiting
from operations.trace.row import (
    SETTLED_US,
    Raised,
    Reach,
    Row,
    id_in,
    micros,
    moment_of,
)
from operations.trace.tables_side import TablesSide
from operations.trace.topic_side import Held, Looked, Scan, TopicSide
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.kafka.reader import CannotRead
from transforms.payment import replay
from transforms.payment.minutes import minute_of
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord

_KAFKA_ERRORS = (CannotCheck, CannotRead, Unreachable)
# A chain of replays is as long as somebody has corrected it; headers can be forged into circles.
_ROUNDS_MAX = 10
# Anybody can write the header of a replay, and with it an arrival for which all days are read.
_EARLIER_MAX = dt.timedelta(days=366)


_STATE_OF = {
    Held.NOTHING: State.NO_RECORD,
    Held.UNCOMMITTED: State.NOT_COMMITTED,
    Held.REMOVED: State.REMOVED,
    Held.BEYOND: State.BEYOND,
    Held.NO_PARTITION: State.UNKNOWN,
    Held.NO_TOPIC: State.UNKNOWN,
}


class Tracer:
    """Asks the tables and Kafka.

    Args:
        topic: None when Kafka does not answer, for which `kafka_problem` has the reason.
        decoder: what the bytes of a record mean; as our own JSON unless given.
    """

    def __init__(
        self,
        tables: TablesSide,
        topic: TopicSide | None,
        kafka_problem: str = "",
        decoder: Decoder | None = None,
    ) -> None:
        self._decoder = decoder or Decoder(shipped.native())
        self._tables = tables
        self._topic = topic
        self._problem: str | None = None if topic is not None else kafka_problem
        self._found: dict[tuple[Place, Outcome], list[Row]] = {}

    def trace(self, asked: Asked) -> Trace:
        """Returns what became of it. Raises CannotCheck when the tables do not answer."""
        if isinstance(asked.target, str):
            return self._of_id(asked, asked.target)
        return self._of_place(asked, asked.target)

    def _of_id(self, asked: Asked, transaction_id: str) -> Trace:
        # Kafka first: what is counted meanwhile is then found in the tables.
        reach = self._tables.reach(asked.topics, moment_of(asked.since_us))
        scan = self._scan(asked, transaction_id, reach)
        self._gather(transaction_id, asked.since_us)
        counted = {place for place, _ in self._found}
        records = [record for record in scan.records if Place.of(record) not in counted]
        holder = self._tables.holder() if records else None
        waiting = tuple(Waiting(each, self._waits(each, reach, holder)) for each in records)
        if self._found:
            state = State.COUNTED
        elif waiting:
            state = waiting[0].state
        else:
            state = State.NOT_ASKED if self._problem is not None else State.UNKNOWN
        return self._told(
            Trace(asked, state, waiting=waiting, holder=holder, left_out=scan.left_out)
        )

    def _of_place(self, asked: Asked, place: Place) -> Trace:
        looked = self._look(place)
        record = looked.record if looked else None
        # Of a record that Kafka has, the arrival is known, and the days before it are not read.
        arrived_us = _judged_at_us(record) if record else asked.since_us
        self._add(self._tables.at([place], moment_of(arrived_us)))
        row = next((row for row in self._rows() if row.place == place), None)
        transaction_id = row.transaction_id if row else id_in(record.payload) if record else None
        self._gather(transaction_id, min(arrived_us, asked.since_us))
        if row is not None:
            return self._told(Trace(asked, State.COUNTED, looked=looked))
        # A range begins before what lies in it.
        rule = self._skipped_by(place, record, moment_of(min(arrived_us, asked.since_us)))
        if rule is not None:
            return self._told(Trace(asked, State.SKIPPED, looked=looked, skipped_by=rule))
        if looked is None:
            return self._told(Trace(asked, State.NOT_ASKED))
        if record is None:
            return self._told(Trace(asked, _STATE_OF[looked.held], looked=looked))
        reach = self._tables.reach([place.topic], moment_of(arrived_us))
        holder = self._tables.holder()
        waiting = (Waiting(record, self._waits(record, reach, holder)),)
        return self._told(
            Trace(asked, waiting[0].state, waiting=waiting, looked=looked, holder=holder)
        )

    def _skipped_by(
        self, place: Place, record: KafkaRecord | None, since: dt.datetime
    ) -> str | None:
        """Returns the rule that skips the record at a place, None where none is known to.

        Others may lie within a range: what Kafka holds says which, where it can be asked.
        """
        rules = self._tables.skipped_at(place, since)
        if record is not None and rules:
            for _, rule in self._decoder.decode([record]).skipped:
                return rule if rule in rules else None
        return next((rule for rule, whole in rules.items() if whole), None)

    def _gather(self, transaction_id: str | None, since_us: int) -> None:
        """Adds the records of an id, what they copy, and the replays before and after them."""
        since = moment_of(since_us)
        if transaction_id is not None:
            self._add(self._tables.of_id(transaction_id, since))
        asked_for: set[Place] = set()
        for _ in range(_ROUNDS_MAX):
            rows = self._rows()
            known = {row.place for row in rows} | asked_for
            named = [(place, row) for row in rows for place in _names(row) if place not in known]
            if named:
                earliest = _earliest([row for _, row in named], since)
                self._add(self._tables.at([place for place, _ in named], earliest))
            letters = [row for row in rows if row.outcome is Outcome.INVALID]
            if letters:
                earliest = _earliest(letters, since)
                self._add(self._tables.replays_of([row.place for row in letters], earliest))
            asked_for |= {place for place, _ in named}
            if len(self._rows()) == len(rows):
                return

    def _add(self, rows: Iterable[Row]) -> None:
        """Adds rows, each once however often it is found; but twice what one answer has twice."""
        answer: dict[tuple[Place, Outcome], list[Row]] = {}
        for row in rows:
            answer.setdefault((row.place, row.outcome), []).append(row)
        for key, found in answer.items():
            if len(found) > len(self._found.get(key, ())):
                self._found[key] = found

    def _rows(self) -> list[Row]:
        return [row for found in self._found.values() for row in found]

    def _look(self, place: Place) -> Looked | None:
        if self._topic is None:
            return None
        try:
            return self._topic.look(place)
        except _KAFKA_ERRORS as error:
            self._problem = str(error)
            return None

    def _scan(self, asked: Asked, transaction_id: str, reach: dict[Partition, Reach]) -> Scan:
        if self._topic is None:
            return Scan((), 0)
        try:
            return self._topic.of_id(
                transaction_id, asked.topics, reach, asked.since_us, asked.records_max
            )
        except _KAFKA_ERRORS as error:
            self._problem = str(error)
            return Scan((), 0)

    def _waits(
        self, record: KafkaRecord, reach: dict[Partition, Reach], holder: Run | None
    ) -> State:
        known = reach.get((record.topic, record.partition))
        if known is not None and record.broker_time_us < micros(known.newest) - SETTLED_US:
            return State.PASSED_OVER
        topics = holder.topic_ids if holder else {}
        reads = holder is not None and (not topics or record.topic in topics)
        return State.WAITS_FOR_CHECKPOINT if reads else State.WAITS_FOR_JOB

    def _told(self, found: Trace) -> Trace:
        """Completes what was found by all that was gathered."""
        rows = tuple(sorted(self._rows(), key=lambda row: (row.arrived_at, row.place)))
        minutes = [
            (moment_of(minute_of(micros(row.cells["event_time"]))), row.cells["currency"])
            for row in rows
            if row.outcome is Outcome.ACCEPTED
        ]
        raised: list[Raised] = []
        if rows:
            raised = self._tables.indicators([row.place for row in rows], rows[0].arrived_at)
        totals = tuple(self._tables.totals(minutes)) if minutes else ()
        return dataclasses.replace(
            found,
            rows=rows,
            totals=totals,
            indicators=tuple(raised),
            kafka_problem=self._problem,
        )


def _judged_at_us(record: KafkaRecord) -> int:
    """Returns the arrival that bounds the event time of a record in time: of a replay the first."""
    of = replay.replay_of_or_none(record)
    earliest_us = record.broker_time_us - _EARLIER_MAX // dt.timedelta(microseconds=1)
    return record.broker_time_us if of is None else max(of.original_time_us, earliest_us)


def _names(row: Row) -> list[Place]:
    """Returns the records that a row names: what it copies, and what it sends again."""
    return [place for place in (row.first, row.replay_of) if place is not None]


def _earliest(rows: Iterable[Row], since: dt.datetime) -> dt.datetime:
    """Returns a moment before which nothing has arrived that rows name, or that sends them again.

    Payments that are sent again happened before their first arrival: it bounds their event time.
    """
    names = ("broker_time", "first_broker_time", "original_time")
    times: list[Any] = [
        row.cells[name] for row in rows for name in names if row.cells[name] is not None
    ]
    earliest: dt.datetime = min([*times, since])
    return max(earliest, since - _EARLIER_MAX)

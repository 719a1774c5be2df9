"""A topic and its tables in memory: what a right pipeline would write, to be tampered with."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from pipeline.reconciliation.audit import audit
from pipeline.reconciliation.report import Report
from pipeline.reconciliation.rows import (
    AcceptedRow,
    CurrencySum,
    DeadLetterRow,
    First,
    Outside,
    PaymentRow,
    Row,
    Tables,
)
from pipeline.reconciliation.truth import Limits, OffsetRange, Place, Truth
from tests.support import payments
from transforms.contract import rules, wire_format
from transforms.contract.dead_letter import DeadLetter, Rejected
from transforms.contract.dedup_policy import DedupPolicy, FirstSeen
from transforms.contract.outcome import Outcome
from transforms.contract.transaction import KafkaRecord, Transaction

LIMITS = Limits()
HORIZON_SEC = LIMITS.horizon_us // payments.SECOND_US
PARTITIONS = 2


class World:
    """Records sent by a test, and the rows that the contract asks for.

    `markers` are offsets that transaction markers take; `start` is the earliest offset retained.
    """

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.records: list[KafkaRecord] = []
        self._next = [start] * PARTITIONS

    def send(self, partition: int = 0, at_sec: float = 0, **changes: Any) -> Place:
        """Sends a payment that happened at its arrival, unless `event_time` says otherwise."""
        arrival_us = self._arrival_us(at_sec)
        changes.setdefault("event_time", wire_format.event_time_text(arrival_us))
        return self.send_bytes(payments.payload(**changes), partition, at_sec)

    def send_bytes(self, payload: bytes | None, partition: int = 0, at_sec: float = 0) -> Place:
        """Sends any payload."""
        place = Place("payments", partition, self._next[partition])
        self.records.append(KafkaRecord(*place, self._arrival_us(at_sec), b"key", payload))
        self._next[partition] += 1
        return place

    def marker(self, partition: int = 0) -> int:
        """Takes an offset that no record has, as the end of a transaction does; returns it."""
        self._next[partition] += 1
        return self._next[partition] - 1

    def compact(self, place: Place) -> None:
        """Removes a record, as the cleaner of a compacted topic does."""
        self.records = [record for record in self.records if Place(*record[:3]) != place]

    def truth(self) -> Truth:
        """Returns what a consumer would read."""
        ends = enumerate(self._next)
        truth = Truth([OffsetRange("payments", n, self.start, end) for n, end in ends], LIMITS)
        for record in self.records:
            truth.add(record)
        return truth

    def rows(self, order: Sequence[Place] | None = None) -> list[Row]:
        """Returns the rows of a right pipeline that reads in this order (default: as sent)."""
        records = {Place(*record[:3]): record for record in self.records}
        remembered: dict[str, FirstSeen] = {}
        return [_row(records[place], remembered) for place in order or records]

    def audit(self, rows: Iterable[Row] | None = None, **options: Any) -> Report:
        """Audits the rows (default: the right ones)."""
        ledgers = options.pop("ledgers", ())
        found = tables(self.rows() if rows is None else rows, **options)
        return audit(self.truth(), found, ledgers)

    @staticmethod
    def _arrival_us(at_sec: float) -> int:
        return payments.NOON_US + int(at_sec * payments.SECOND_US)


def tables(rows: Iterable[Row], outside: Outside = Outside(), **changes: Any) -> Tables:
    """Returns the answers that SQL would give for these rows."""
    rows = list(rows)
    accepted = [
        row for row in rows if isinstance(row, PaymentRow) and row.outcome is Outcome.ACCEPTED
    ]
    ids = Counter(row.transaction.transaction_id for row in accepted)
    by_currency: dict[str, list[Decimal]] = {}
    for row in accepted:
        by_currency.setdefault(row.transaction.currency, []).append(row.amount)
    repeated = [
        AcceptedRow(row.transaction.transaction_id, row.transaction.broker_time_us, row.place)
        for row in accepted
        if ids[row.transaction.transaction_id] > 1
    ]
    answers = Tables(
        rows,
        [CurrencySum(name, len(amounts), sum(amounts)) for name, amounts in by_currency.items()],
        len(accepted),
        len(ids),
        sorted(repeated),
        outside,
    )
    return answers._replace(**changes)


def changed(rows: Iterable[Row], place: Place, change: Callable[[Any], Row]) -> list[Row]:
    """Returns the rows, the one at `place` changed."""
    return [change(row) if row.place == place else row for row in rows]


def without(rows: Iterable[Row], *places: Place) -> list[Row]:
    """Returns the rows but those at `places`."""
    return [row for row in rows if row.place not in places]


def row_at(rows: Iterable[Row], place: Place) -> Any:
    """Returns the row at `place`."""
    return next(row for row in rows if row.place == place)


def with_facts(**changes: Any) -> Callable[[Any], Row]:
    """Returns a change of what a row says of its payment."""
    return lambda row: row._replace(transaction=row.transaction._replace(**changes))


def failed(report: Report) -> set[str]:
    """Returns the names of the checks that do not hold."""
    return {check.name for check in report.checks if not check.ok}


def interleavings(places: Sequence[Place]) -> list[list[Place]]:
    """Returns every order of reading that is true to each partition: for a few records only."""
    return [
        list(order)
        for order in itertools.permutations(places)
        if all(
            list(filter(lambda place: place.partition == number, order))
            == sorted(place for place in places if place.partition == number)
            for number in range(PARTITIONS)
        )
    ]


def _row(record: KafkaRecord, remembered: dict[str, FirstSeen]) -> Row:
    place = Place(*record[:3])
    try:
        transaction = wire_format.decode(record)
        rules.Rules(LIMITS.clock_skew_us).check(transaction)
    except Rejected as rejected:
        letter = DeadLetter.of(record, rejected, "step")
        return DeadLetterRow(
            place, record.broker_time_us, letter.reason, letter.key, letter.payload
        )
    amount = rules.amount_of(transaction.amount_minor, transaction.currency)
    outcome, first = _decide(transaction, remembered)
    return PaymentRow(place, outcome, transaction, amount, first)


def _decide(
    transaction: Transaction, remembered: dict[str, FirstSeen]
) -> tuple[Outcome, First | None]:
    if rules.is_late(transaction, LIMITS.allowed_lateness_us):
        return Outcome.LATE, None
    seen = remembered.get(transaction.transaction_id)
    outcome = DedupPolicy(LIMITS.horizon_us).decide(seen, transaction)
    if outcome is Outcome.ACCEPTED or seen is None:
        remembered[transaction.transaction_id] = DedupPolicy.remember(transaction)
        return Outcome.ACCEPTED, None
    return outcome, First(Place(seen.topic, seen.partition, seen.offset), seen.broker_time_us)

"""A topic and its tables in memory: what a right pipeline would write, to be tampered with."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from operations.reconcile.added_columns import AddedColumns
from operations.reconcile.audit import audit
from operations.reconcile.report import Report
from operations.reconcile.rows import (
    AcceptedRow,
    CurrencySum,
    DeadLetterRow,
    First,
    FirstRow,
    Outside,
    PaymentRow,
    Row,
    SkippedRow,
    Tables,
)
from operations.reconcile.skipped_ranges import Span
from operations.reconcile.truth import Limits, OffsetRange, Partition, Place, Reach, Truth
from tests.support import payments
from transforms.codecs import wire_format
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoded, Decoder
from transforms.codecs.contract.language import Contract
from transforms.payment import rules
from transforms.payment.dead_letter import DeadLetter, Rejected, kept_headers_of
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.outcome import Outcome
from transforms.payment.skipped import ranges_of
from transforms.payment.transaction import Headers, KafkaRecord, Transaction, facts_of

LIMITS = Limits()
HORIZON_SEC = LIMITS.horizon_us // payments.SECOND_US
PARTITIONS = 2


class World:
    """Records sent by a test, and the rows that the contract asks for.

    `markers` are offsets that transaction markers take; `start` is the earliest offset retained.
    Of what the contract skips there is a range for each batch of four offsets of a partition.
    """

    def __init__(self, start: int = 0, contract: Contract | None = None) -> None:
        self.start = start
        self.decoder = Decoder(contract or shipped.native())
        self.records: list[KafkaRecord] = []
        self._next = [start] * PARTITIONS

    def send(self, partition: int = 0, at_sec: float = 0, **changes: Any) -> Place:
        """Sends a payment that happened at its arrival, unless `event_time` says otherwise."""
        arrival_us = self._arrival_us(at_sec)
        changes.setdefault("event_time", wire_format.event_time_text(arrival_us))
        return self.send_bytes(payments.payload(**changes), partition, at_sec)

    def send_bytes(
        self,
        payload: bytes | None,
        partition: int = 0,
        at_sec: float = 0,
        headers: Headers = (),
    ) -> Place:
        """Sends any payload."""
        place = Place("payments", partition, self._next[partition])
        record = KafkaRecord(*place, self._arrival_us(at_sec), b"key", payload, None, headers)
        self.records.append(record)
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
        return self.read(self.ranges())

    def read(self, ranges: Iterable[OffsetRange]) -> Truth:
        """Returns what a consumer would read of these ranges."""
        truth = Truth(ranges, dataclasses.replace(LIMITS, contract=self.decoder.contract))
        for record in self.records:
            if truth.reach(Place(*record[:3])) is Reach.CHECKED:
                truth.add(record)
        return truth

    def ranges(self) -> list[OffsetRange]:
        """Returns what every partition holds."""
        ends = enumerate(self._next)
        return [OffsetRange("payments", number, self.start, end) for number, end in ends]

    def first_from(self, moment_us: int) -> dict[Partition, int]:
        """Returns the offset of the first record of each partition that arrived then or later."""
        found = {(span.topic, span.partition): span.end for span in self.ranges()}
        for record in reversed(self.records):
            if record.broker_time_us >= moment_us:
                found[record.topic, record.partition] = record.offset
        return found

    def rows(self, order: Sequence[Place] | None = None) -> list[Row]:
        """Returns the rows of a right pipeline that reads in this order (default: as sent)."""
        records = {Place(*record[:3]): record for record in self.records}
        remembered: dict[str, FirstSeen] = {}
        decoded = {place: self.decoder.decode([record]) for place, record in records.items()}
        rows = [
            self._row(records[place], decoded[place], remembered)
            for place in order or records
            if not decoded[place].skipped
        ]
        return rows + self._ranges(each for found in decoded.values() for each in found.skipped)

    @staticmethod
    def _ranges(skipped: Iterable[tuple[KafkaRecord, str]]) -> list[Row]:
        batches = defaultdict(list)
        for record, rule in skipped:
            batches[record.topic, record.partition, record.offset // 4].append((record, rule))
        return [
            SkippedRow(
                Place(each.topic, each.partition, each.first_offset),
                Span(
                    each.last_offset,
                    each.rule,
                    each.record_count,
                    each.broker_time_us,
                    each.last_broker_time_us,
                ),
            )
            for batch in batches.values()
            for each in ranges_of(batch)
        ]

    def audit(self, rows: Iterable[Row] | None = None, **options: Any) -> Report:
        """Audits the rows (default: the right ones)."""
        ledgers = options.pop("ledgers", ())
        found = tables(self.rows() if rows is None else rows, **options)
        return audit(self.truth(), found, ledgers)

    def _row(self, record: KafkaRecord, decoded: Decoded, remembered: dict[str, FirstSeen]) -> Row:
        checker = self.decoder.contract.rules(LIMITS.clock_skew_us)
        row = _row(record, decoded, checker, remembered)
        if isinstance(row, PaymentRow):
            extras = AddedColumns(self.decoder.contract).of_record(row.transaction.extras)
            return row._replace(transaction=row.transaction._replace(extras=extras))
        if isinstance(row, DeadLetterRow) and self.decoder.contract.headers:
            return row._replace(headers=kept_headers_of(record))
        return row

    @staticmethod
    def _arrival_us(at_sec: float) -> int:
        return payments.START_US + int(at_sec * payments.SECOND_US)


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


def tables_of_range(rows: Iterable[Row], truth: Truth) -> Tables:
    """Returns the answers that SQL would give where a check reaches only some of these rows."""
    rows = list(rows)
    inside = [row for row in rows if _reached(row, truth)]
    named = {row.first.place for row in inside if isinstance(row, PaymentRow) and row.first}
    firsts = [
        FirstRow(
            row.transaction.transaction_id,
            row.place,
            row.transaction.broker_time_us,
            facts_of(row.transaction),
        )
        for row in rows
        if row.place in named
        and truth.reach(row.place) not in (Reach.CHECKED, Reach.NOWHERE)
        and isinstance(row, PaymentRow)
        and row.outcome is Outcome.ACCEPTED
    ]
    whole = tables(rows)
    return tables(inside, repeated=whole.repeated, firsts=firsts)


def _reached(row: Row, truth: Truth) -> bool:
    """Returns whether SQL would give the row: of a range, any offset suffices."""
    places = [row.place]
    if isinstance(row, SkippedRow):
        offsets = range(row.place.offset, row.span.last_offset + 1)
        places = [row.place._replace(offset=offset) for offset in offsets]
    return any(truth.reach(place) in (Reach.CHECKED, Reach.NOWHERE) for place in places)


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


def _row(
    record: KafkaRecord, decoded: Decoded, checker: rules.Rules, remembered: dict[str, FirstSeen]
) -> Row:
    place = Place(*record[:3])
    try:
        for _, why in decoded.rejected:
            raise why
        [transaction] = decoded.transactions
        checker.check(transaction)
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
    policy = DedupPolicy(LIMITS.horizon_us)
    outcome = policy.decide(seen, transaction)
    if outcome is Outcome.ACCEPTED or seen is None:
        remembered[transaction.transaction_id] = DedupPolicy(LIMITS.horizon_us).remember(
            transaction
        )
        return Outcome.ACCEPTED, None
    return outcome, First(Place(seen.topic, seen.partition, seen.offset), seen.broker_time_us)

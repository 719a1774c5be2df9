"""Checks that each record is in exactly one table, and that its row says what the record says."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from operations.reconcile.checks import Check, Tally
from operations.reconcile.copies import Copies
from operations.reconcile.coverage import Coverage
from operations.reconcile.ledger_check import LedgerAudit
from operations.reconcile.rows import (
    CurrencySum,
    First,
    KeptLetter,
    PaymentRow,
    Row,
    SkippedRow,
    kept_row,
    plain_row,
)
from operations.reconcile.skipped_ranges import SkippedRanges, Span
from operations.reconcile.sorted_runs import SortedRuns, merged
from operations.reconcile.truth import Entry, Invalid, Place, PlaceKey, Skipped, Truth
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome
from transforms.payment.rules import amount_of
from transforms.payment.transaction import Transaction

# What lies at one place, in the order in which it is looked at.
_RECORD, _SENT, _TWICE, _ROW = range(4)


class Found(NamedTuple):
    """What BigQuery made of one record: the first of its rows, None while there is none."""

    outcome: Outcome | None = None
    first: First | None = None


class Comparison:
    """Lays each row beside its record, in the order of places, and notes what does not fit."""

    def __init__(self, truth: Truth, copies: Copies, ledger: LedgerAudit | None) -> None:
        self._truth = truth
        self._copies = copies
        self._ledger = ledger
        self.coverage = Coverage(truth.partitions)
        self.skipped = SkippedRanges(truth)
        self.rows: collections.Counter[Outcome] = collections.Counter()
        self.twice = 0  # accepted again, and not at a place that is double anyway
        self.double = Tally()
        self.unknown = Tally()
        self.content = Tally()
        self.outcome = Tally()
        self.refused = 0  # rows that BigQuery refused: legal, but never expected
        self.minor: collections.Counter[str] = collections.Counter()
        self.accepted: collections.Counter[str] = collections.Counter()

    def run(
        self,
        rows: Iterable[Row],
        twice: SortedRuns[PlaceKey],
        fetched: Callable[[], None],
        compared: Callable[[], None],
    ) -> None:
        """Compares everything.

        Args:
            twice: the places of rows too many of an id (accepted_twice.py).
            fetched: told of each row.
            compared: told of each place.
        """
        sent = () if self._ledger is None else self._ledger.sent
        with_rows = self._sorted(rows, fetched)
        streams = merged(
            ((key, _RECORD, entry) for key, entry in self._truth.entries()),
            ((key, _SENT, value) for key, value in sent),
            ((key, _TWICE, None) for key, _ in twice),
            ((key, _ROW, value) for key, value in with_rows),
        )
        for key, group in itertools.groupby(streams, key=lambda item: item[0]):
            self._place(key, group)
            compared()
        self.skipped.finish()
        self.rows[Outcome.SKIPPED] += self.skipped.counted
        with_rows.close()

    def _sorted(self, rows: Iterable[Row], fetched: Callable[[], None]) -> SortedRuns[PlaceKey]:
        with_rows: SortedRuns[PlaceKey] = SortedRuns()
        for row in rows:
            fetched()
            key = self._truth.key(row.place)
            if isinstance(row, SkippedRow):
                if key is None:
                    self._no_partition(row.place, row.span)
                else:
                    with_rows.add(key, plain_row(row))
                continue
            outcome = row.outcome if isinstance(row, PaymentRow) else Outcome.INVALID
            self.rows[outcome] += 1
            if key is None:
                self._stranger(row.place, outcome)
            else:
                with_rows.add(key, plain_row(row))
        return with_rows

    def _stranger(self, place: Place, outcome: Outcome) -> None:
        self.unknown.add(f"{place} is in {outcome.value}; Kafka holds no record there")

    def _no_partition(self, place: Place, span: Span) -> None:
        self.rows[Outcome.SKIPPED] += span.record_count
        self.unknown.add(
            f"{place}..{span.last_offset} is in skipped; Kafka holds no record there",
            span.record_count,
        )

    def _place(self, key: PlaceKey, group: Iterator[tuple[PlaceKey, int, Any]]) -> None:
        """Compares all that lies at one place."""
        entry: Entry | None = None
        found = Found()
        sent = []
        twice = double = False
        for _, kind, value in group:
            if kind == _ROW:
                row = kept_row(self._truth.place(key), value)
                if isinstance(row, SkippedRow):
                    self.skipped.begins(row.place, row.span)
                    continue
                was = found.outcome
                found = self._row(row, entry, found)
                double |= was is not None
            elif kind == _RECORD:
                entry = value
            elif kind == _SENT:
                sent.append(value)
            else:
                twice = True
        double |= self._settle(key, entry, found, sent)
        self.twice += twice and not double

    def _settle(
        self, key: PlaceKey, entry: Entry | None, found: Found, sent: Sequence[tuple[Any, ...]]
    ) -> bool:
        """Takes the record of a place, and what was made of it; returns whether that is double."""
        before = self.double.failures
        if entry is not None:
            if isinstance(entry.content, Skipped):
                found = self._in_ranges(entry.content, found)
            self._record(key, entry, found)
        if self._ledger is not None:
            self._ledger.place(key, entry, found.outcome, sent)
        return self.double.failures > before

    def _row(self, row: PaymentRow | KeptLetter, entry: Entry | None, found: Found) -> Found:
        outcome = row.outcome if isinstance(row, PaymentRow) else Outcome.INVALID
        if entry is None:
            self._stranger(row.place, outcome)
            return found
        if found.outcome is not None:
            self.coverage.double(row.place)
            self.double.add(f"{row.place} is {found.outcome.value} and again {outcome.value}")
        first = None
        if isinstance(row, PaymentRow):
            first = row.first
            self._payment(row, entry)
        else:
            self._dead_letter(row, entry)
        # A record that a payment was made of although it is none names no first.
        if not isinstance(entry.content, Transaction):
            first = None
        return Found(found.outcome or outcome, found.first or first)

    def _in_ranges(self, record: Skipped, found: Found) -> Found:
        """Returns what BigQuery made of a record that is to be in one range of its rule."""
        ranges = self.skipped.record(record.place, record.rule, record.broker_time_us)
        outcomes = [found.outcome] if found.outcome else []
        outcomes += [Outcome.SKIPPED] * ranges
        for again in outcomes[1:]:
            self.coverage.double(record.place)
            self.double.add(f"{record.place} is {outcomes[0].value} and again {again.value}")
        return Found(outcomes[0] if outcomes else None)

    def _record(self, key: PlaceKey, entry: Entry, found: Found) -> None:
        self.coverage.record(entry.place, found.outcome is not None)
        record = entry.content
        if not isinstance(record, Transaction):
            return
        if found.outcome is Outcome.ACCEPTED:
            self.minor[record.currency] += record.amount_minor
            self.accepted[record.currency] += 1
        if entry.decided is None:
            self._copies.add_record(key, record, found.outcome, found.first)

    def _payment(self, row: PaymentRow, entry: Entry) -> None:
        record = entry.content
        if isinstance(record, Invalid):
            self.outcome.add(f"{row.place} is {row.outcome.value}, but invalid: {record.reason}")
            return
        if isinstance(record, Skipped):
            self._not_skipped(row.place, row.outcome, record)
            return
        if entry.decided is Outcome.LATE and row.outcome is not Outcome.LATE:
            self.outcome.add(f"{row.place} is {row.outcome.value}, but arrived too late")
        elif entry.decided is None and row.outcome is Outcome.LATE:
            self.outcome.add(f"{row.place} is late, but arrived within the allowed lateness")
        if row.transaction != record:
            for line in _differences(record, row.transaction):
                self.content.add(f"{row.place} {line}")
        amount = amount_of(record.amount_minor, record.currency)
        if row.amount != amount:
            self.content.add(
                f"{row.place} amount: Kafka says {plain(amount)}, the row {plain(row.amount)}"
            )

    def _not_skipped(self, place: Place, outcome: Outcome, record: Skipped) -> None:
        self.outcome.add(f"{place} is {outcome.value}, but skipped by {record.rule!r}")

    def _dead_letter(self, row: KeptLetter, entry: Entry) -> None:
        record = entry.content
        if row.broker_time_us != record.broker_time_us:
            self.content.add(
                f"{row.place} broker_time: Kafka says {record.broker_time_us}, "
                f"the row {row.broker_time_us}"
            )
        if row.reason == Reason.REFUSED_BY_BIGQUERY.value:
            # Its payload is the refused row, so there is nothing of Kafka's to compare.
            self.refused += 1
        elif isinstance(record, Skipped):
            self._not_skipped(row.place, Outcome.INVALID, record)
        elif not isinstance(record, Invalid):
            self.outcome.add(f"{row.place} is invalid ({row.reason}), but keeps every rule")
        else:
            if row.reason != record.reason:
                self.outcome.add(f"{row.place} is {row.reason}, but must be {record.reason}")
            for name in ("key", "payload", "headers"):
                if getattr(row, name) != getattr(record, f"kept_{name}"):
                    self.content.add(f"{row.place} {name}: not what Kafka holds")


def _differences(record: Transaction, row: Transaction) -> Iterator[str]:
    for name, right, found in zip(Transaction._fields, record, row, strict=True):
        if right != found:
            told = "columns of the contract" if name == "extras" else name
            yield f"{told}: Kafka says {right!r}, the row {found!r}"


def plain(amount: Decimal) -> str:
    """Returns the amount without exponent and without zeros at the end of its fraction."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class CurrencyLine(NamedTuple):
    """One currency, counted on both sides."""

    currency: str
    records: int  # accepted offsets in Kafka
    rows: int  # in transactions
    kafka: Decimal
    bigquery: Decimal

    @property
    def equal(self) -> bool:
        """Returns whether both sides agree to the last digit."""
        return self.records == self.rows and self.kafka == self.bigquery


def compare_sums(
    comparison: Comparison, sums: Sequence[CurrencySum]
) -> tuple[list[CurrencyLine], Check]:
    """Compares the payloads at accepted offsets with SUM(amount) of BigQuery, exactly."""
    minor, records = comparison.minor, comparison.accepted
    by_currency = {line.currency: line for line in sums}
    lines = []
    tally = Tally()
    for currency in sorted(minor.keys() | by_currency.keys()):
        found = by_currency.get(currency, CurrencySum(currency, 0, Decimal(0)))
        kafka = amount_of(minor[currency], currency) if currency in minor else Decimal(0)
        line = CurrencyLine(currency, records[currency], found.rows, kafka, found.amount)
        lines.append(line)
        if not line.equal:
            tally.add(
                f"{currency}: Kafka {plain(line.kafka)} in {line.records} records, "
                f"BigQuery {plain(line.bigquery)} in {line.rows} rows"
            )
    return lines, tally.check("sums", f"{len(lines)} currencies, exact")

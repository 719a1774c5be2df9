"""Checks that each record is in exactly one table, and that its row says what the record says."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence
from decimal import Decimal

from operations.reconcile.checks import Check, Tally
from operations.reconcile.compare import CurrencyLine, plain
from operations.reconcile.coverage import Gap
from operations.reconcile.rows import CurrencySum, DeadLetterRow, PaymentRow, Row
from operations.reconcile.truth import Partition, Place
from tests.support.reconcile_reference.truth import Entry, Invalid, PartitionTruth, Truth
from transforms.payment.dead_letter import Reason, kept
from transforms.payment.outcome import Outcome
from transforms.payment.rules import amount_of
from transforms.payment.transaction import Transaction


class Comparison:
    """Takes rows in any order, lays each beside its record, and notes what does not fit."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self.rows: collections.Counter[Outcome] = collections.Counter()
        self.doubles: collections.Counter[Partition] = collections.Counter()
        self.double_places: set[Place] = set()
        self.double = Tally()
        self.unknown = Tally()
        self.content = Tally()
        self.outcome = Tally()
        self.refused = 0  # rows that BigQuery refused: legal, but never expected

    def add(self, row: Row) -> None:
        """Compares one row with the record that it claims to be."""
        outcome = row.outcome if isinstance(row, PaymentRow) else Outcome.INVALID
        self.rows[outcome] += 1
        entry = self._truth.find(row.place)
        if entry is None:
            self.unknown.add(f"{row.place} is in {outcome.value}; Kafka holds no record there")
            return
        if entry.outcome is None:
            entry.outcome = outcome
        else:
            self.doubles[row.place[:2]] += 1
            self.double_places.add(row.place)
            self.double.add(f"{row.place} is {entry.outcome.value} and again {outcome.value}")
        if isinstance(row, PaymentRow):
            self._payment(row, entry)
        else:
            self._dead_letter(row, entry)

    def _payment(self, row: PaymentRow, entry: Entry) -> None:
        record = entry.content
        if isinstance(record, Invalid):
            self.outcome.add(f"{row.place} is {row.outcome.value}, but invalid: {record.reason}")
            return
        if entry.decided is Outcome.LATE and row.outcome is not Outcome.LATE:
            self.outcome.add(f"{row.place} is {row.outcome.value}, but arrived too late")
        elif entry.decided is None and row.outcome is Outcome.LATE:
            self.outcome.add(f"{row.place} is late, but arrived within the allowed lateness")
        if row.first is not None:
            entry.first = entry.first or row.first
        if row.transaction != record:
            for line in _differences(record, row.transaction):
                self.content.add(f"{row.place} {line}")
        amount = amount_of(record.amount_minor, record.currency)
        if row.amount != amount:
            self.content.add(
                f"{row.place} amount: Kafka says {plain(amount)}, the row {plain(row.amount)}"
            )

    def _dead_letter(self, row: DeadLetterRow, entry: Entry) -> None:
        record = entry.content
        if row.broker_time_us != record.broker_time_us:
            self.content.add(
                f"{row.place} broker_time: Kafka says {record.broker_time_us}, "
                f"the row {row.broker_time_us}"
            )
        if row.reason == Reason.REFUSED_BY_BIGQUERY.value:
            # Its payload is the refused row, so there is nothing of Kafka's to compare.
            self.refused += 1
        elif not isinstance(record, Invalid):
            self.outcome.add(f"{row.place} is invalid ({row.reason}), but keeps every rule")
        else:
            if row.reason != record.reason:
                self.outcome.add(f"{row.place} is {row.reason}, but must be {record.reason}")
            for name in ("key", "payload"):
                if getattr(row, name) != kept(getattr(record, name)):
                    self.content.add(f"{row.place} {name}: not what Kafka holds")


def _differences(record: Transaction, row: Transaction) -> Iterator[str]:
    for name, right, found in zip(Transaction._fields, record, row, strict=True):
        if right != found:
            yield f"{name}: Kafka says {right!r}, the row {found!r}"


def gaps(partition: PartitionTruth) -> list[Gap]:
    """Returns what is missing, in the order of offsets.

    Markers of transactions between two missing records do not split a gap.
    """
    found: list[Gap] = []
    inside = False
    for offset in sorted(partition.entries):
        if partition.entries[offset].outcome is not None:
            inside = False
        elif inside:
            found[-1] = Gap(found[-1].first_offset, offset, found[-1].records + 1)
        else:
            found.append(Gap(offset, offset, 1))
            inside = True
    return found


def compare_sums(truth: Truth, sums: Sequence[CurrencySum]) -> tuple[list[CurrencyLine], Check]:
    """Compares the payloads at accepted offsets with SUM(amount) of BigQuery, exactly."""
    minor: collections.Counter[str] = collections.Counter()
    records: collections.Counter[str] = collections.Counter()
    for entry in truth.entries():
        if entry.outcome is Outcome.ACCEPTED and isinstance(entry.content, Transaction):
            minor[entry.content.currency] += entry.content.amount_minor
            records[entry.content.currency] += 1
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

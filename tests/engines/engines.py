"""An engine is a runner as tests see it: it counts a topic into a dataset, and says how it went."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import NamedTuple

from harness.e2e_run import E2ERun
from operations.reconcile import kafka_side
from operations.reconcile.bigquery_side import BigQuerySide
from operations.reconcile.report import Report
from operations.reconcile.rows import DeadLetterRow, PaymentRow, Row
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import Place
from simulator import ledger
from simulator.ledger import LedgerEntry
from transforms.payment.outcome import Outcome

# Far beyond what either needs: a shared machine may be slow, but not stand still.
TIMEOUT_SEC = 500


class Counted(NamedTuple):
    """What an engine made of a topic.

    Attributes:
        report: the reconciliation of its tables with the topic and the ledger.
        rows: by the place of the record that each is of.
        sent: the ledger: what was sent, and how it must end.
    """

    report: Report
    rows: Mapping[Place, Row]
    sent: list[LedgerEntry]

    def of_fault(self, fault: str) -> list[tuple[LedgerEntry, Row]]:
        """Returns what was sent with this fault, each with its row."""
        return [(each, self.rows[place_of(each)]) for each in self.sent if each.fault == fault]

    def of_id(self, transaction_id: str | None) -> list[PaymentRow]:
        """Returns the rows of all records with this id that could be read as payments."""
        return [
            row
            for row in self.rows.values()
            if isinstance(row, PaymentRow) and row.transaction.transaction_id == transaction_id
        ]


class Engine(abc.ABC):
    """A runner on the sandbox."""

    name: str

    @abc.abstractmethod
    def run(self, e2e_run: E2ERun) -> Report:
        """Counts the topic of the run into its dataset and returns the reconciliation."""

    def count(self, traffic: E2ERun) -> Counted:
        """Counts the topic of `traffic` into a dataset of this engine's own."""
        name = f"{traffic.name}_{self.name}"
        e2e_run = E2ERun(name, traffic.endpoints, traffic.folder, counts=traffic)
        e2e_run.prepare()
        report = self.run(e2e_run)
        return Counted(report, rows_of(e2e_run), list(ledger.read(traffic.ledger)))


class Direct(Engine):
    """DirectRunner: reads what the topic holds, writes, ends."""

    name = "direct"

    def run(self, e2e_run: E2ERun) -> Report:
        e2e_run.run_direct(timeout_sec=TIMEOUT_SEC)
        return e2e_run.reconcile(wait_sec=0)


class Flink(Engine):
    """FlinkRunner on the sandbox's cluster: reads without end, so the test ends it."""

    name = "flink"

    def run(self, e2e_run: E2ERun) -> Report:
        job = e2e_run.submit_to_flink(timeout_sec=TIMEOUT_SEC)
        try:
            return e2e_run.reconcile(wait_sec=TIMEOUT_SEC)
        finally:
            e2e_run.flink.cancel(job)


def rows_of(e2e_run: E2ERun) -> dict[Place, Row]:
    """Returns every row of the outcome tables; a second row at one place is an error."""
    endpoints = e2e_run.endpoints
    dataset = Dataset(endpoints["project"], e2e_run.name, endpoints["bigquery"])
    with kafka_side.connected(Topics(endpoints["kafka"], (e2e_run.topic,))) as kafka:
        ranges = kafka.ranges()
        tables = BigQuerySide(dataset, ranges).tables(
            lambda: {(span.topic, span.partition): span.end for span in ranges}
        )
        rows = list(tables.rows)
    by_place = {row.place: row for row in rows}
    assert len(by_place) == len(rows), "two rows of one record"
    return by_place


def place_of(sent: LedgerEntry) -> Place:
    """Returns where the record is in Kafka."""
    assert sent.offset is not None, f"record {sent.n} was never acknowledged"
    return Place(sent.topic, sent.partition, sent.offset)


def outcome_of(row: Row) -> Outcome:
    """Returns the outcome whose table holds the row."""
    return Outcome.INVALID if isinstance(row, DeadLetterRow) else row.outcome

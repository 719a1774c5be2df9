"""The BigQuery tables, column by column: the one source of rows, DDL and checks.

The columns of payments, dead letters and indicators are declared by the fields that end in them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from transforms.payment.dead_letter import DeadLetter
from transforms.payment.dedup_policy import FirstSeen
from transforms.payment.fields import Column, columns_of
from transforms.payment.fraud_rules import Features
from transforms.payment.outcome import Outcome
from transforms.payment.skipped import SkippedRange
from transforms.payment.transaction import (
    LINEAGE_NAMES,
    PAYLOAD_NAMES,
    ReplayOf,
    Transaction,
)


@dataclasses.dataclass(frozen=True)
class Table:
    """One table, partitioned by day.

    Attributes:
        columns: those that came later come last, in the order in which they came.
        partition_by: a TIMESTAMP column, by day.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    partition_by: str
    cluster_by: tuple[str, ...]

    def __post_init__(self) -> None:
        for column in self.columns:
            if column.added and not column.nullable:
                raise ValueError(f"{self.name}.{column.name} came later, so it must be nullable")
        in_order = sorted(self.columns, key=lambda column: column.added)
        object.__setattr__(self, "columns", tuple(in_order))

    @property
    def column_names(self) -> tuple[str, ...]:
        """Returns the names in the order of a row."""
        return tuple(column.name for column in self.columns)


@dataclasses.dataclass(frozen=True)
class OutcomeTable(Table):
    """A table where records of one outcome end: a row each, or a row for a range of them."""

    outcome: Outcome


def _nullable(columns: Iterable[Column]) -> tuple[Column, ...]:
    return tuple(dataclasses.replace(column, nullable=True) for column in columns)


_PAYMENT = columns_of(Transaction, PAYLOAD_NAMES)
_LINEAGE = columns_of(Transaction, LINEAGE_NAMES) + columns_of(ReplayOf)
_FIRST = columns_of(FirstSeen)
_REJECTION = columns_of(DeadLetter, ("reason", "detail", "step", "key", "payload", "headers"))
_WRITTEN = (
    Column("ingested_at", "TIMESTAMP", "When the pipeline formatted the row."),
    Column("pipeline_version", "STRING", "Version of the pipeline that wrote the row."),
)

TRANSACTIONS = OutcomeTable(
    "transactions",
    "Each payment once: the first valid record of its transaction_id.",
    _PAYMENT + _LINEAGE + _WRITTEN,
    partition_by="event_time",
    cluster_by=("transaction_id", "account_id"),
    outcome=Outcome.ACCEPTED,
)
DUPLICATES = OutcomeTable(
    "duplicates",
    "Copies of accepted payments that agree with them.",
    _PAYMENT + _FIRST + _LINEAGE + _WRITTEN,
    partition_by="broker_time",
    cluster_by=("transaction_id",),
    outcome=Outcome.DUPLICATE,
)
CONFLICTS = OutcomeTable(
    "conflicts",
    "Records that contradict an accepted payment of the same id: possible fraud.",
    _PAYMENT + _FIRST + _LINEAGE + _WRITTEN,
    partition_by="broker_time",
    cluster_by=("transaction_id",),
    outcome=Outcome.CONFLICT,
)
LATE_TRANSACTIONS = OutcomeTable(
    "late_transactions",
    "Valid records that arrived after the allowed lateness.",
    _PAYMENT + _LINEAGE + _WRITTEN,
    partition_by="broker_time",
    cluster_by=("transaction_id",),
    outcome=Outcome.LATE,
)
DEAD_LETTERS = OutcomeTable(
    "dead_letters",
    "Records that cannot be counted, with their raw bytes and the reason.",
    _REJECTION + _LINEAGE + _WRITTEN,
    partition_by="broker_time",
    cluster_by=("reason",),
    outcome=Outcome.INVALID,
)
SKIPPED_RECORDS = OutcomeTable(
    "skipped_records",
    "Ranges of records that are not the payment, as the contract says; no payload.",
    columns_of(SkippedRange) + _WRITTEN,
    partition_by="broker_time",
    cluster_by=("rule",),
    outcome=Outcome.SKIPPED,
)

TOTALS_BY_MINUTE = Table(
    "totals_by_minute",
    "Count and sum of the accepted payments of each minute of event time, pane after pane.",
    (
        Column("window_start", "TIMESTAMP", "First moment of the minute."),
        Column("window_end", "TIMESTAMP", "First moment after the minute."),
        Column("currency", "STRING", "ISO 4217 code."),
        Column("payment_count", "INT64", "Payments of the minute so far; a correction adds."),
        Column("amount", "NUMERIC", "Their sum in major units of the currency, exact."),
        Column("pane_timing", "STRING", "early, on_time, late; correction adds to the last pane."),
        Column("pane_index", "INT64", "Of the pane in its run: the highest replaces the others."),
        Column("run_id", "STRING", "Launch that summed it. Runs add up."),
        *_WRITTEN,
    ),
    partition_by="window_start",
    cluster_by=("currency",),
)
FRAUD_INDICATORS = Table(
    "fraud_indicators",
    "One row for each indicator that a payment raises, with all that it was computed from.",
    (
        Column("indicator", "STRING", "Which one: a closed list."),
        *_PAYMENT,
        *_nullable(columns_of(Features)),  # a conflict has none
        *_nullable(_FIRST),  # only a conflict has one
        *_LINEAGE,
        *_WRITTEN,
    ),
    partition_by="broker_time",
    cluster_by=("indicator", "account_id"),
)

RUNS = Table(
    "runs",
    "Each launch: who may write to the tables of this dataset, since when and with what limits.",
    (
        Column("claim_id", "STRING", "Names this row. Two attempts of a launch have one each."),
        Column("run_id", "STRING", "Names the launch; empty in the row that `tables create` made."),
        Column("followed_by", "STRING", "claim_id that took the tables from this one.", True),
        Column("started_at", "TIMESTAMP", "When the launch asked for the tables."),
        Column("ended_at", "TIMESTAMP", "When it was known to have ended.", True),
        Column("ended_why", "STRING", "How it ended, and how that is known.", True),
        Column("began_with", "STRING", "nothing, tables, update, or the URI of a state.", True),
        Column("launched_by", "STRING", "user@host of the launcher."),
        Column("pipeline_version", "STRING", "Version that was launched."),
        Column("image", "STRING", "Image that it was launched from, where that is known.", True),
        Column("runner", "STRING", "DirectRunner, FlinkRunner or DataflowRunner.", True),
        Column("job_name", "STRING", "Name of its job on the runner.", True),
        Column("job_id", "STRING", "Id that the runner gave, once it was submitted.", True),
        Column("topics", "STRING", "JSON: name of each topic, and Kafka's id of it.", True),
        Column("consumer_group", "STRING", "Group whose offsets say where it began.", True),
        Column("start_offsets", "STRING", "JSON: topic, partition, offset it began at.", True),
        Column("allowed_lateness_sec", "INT64", "Limit it runs with.", True),
        Column("clock_skew_sec", "INT64", "Limit it runs with.", True),
        Column("account_memory_sec", "INT64", "Limit it runs with.", True),
        Column("shards", "INT64", "In how many shards it remembers.", True),
        Column("contract", "STRING", "Fingerprint of the contract of its payloads.", True),
        Column("arrival", "STRING", "log_append_time or bounded_create_time.", True, added=2),
        Column(
            "arrival_slack_sec",
            "INT64",
            "How far apart producers' times can be; 0 where the broker's time counts.",
            True,
            added=3,
        ),
        Column("contract_document", "STRING", "JSON: the contract and its schemas.", True, 1),
    ),
    partition_by="started_at",
    cluster_by=("claim_id",),
)
RECONCILIATIONS = Table(
    "reconciliations",
    "What each check of the tables against Kafka has found: the audit log. Not of the pipeline.",
    (
        Column("reconciliation_id", "STRING", "Of this check."),
        Column("started_at", "TIMESTAMP", "When it began."),
        Column("finished_at", "TIMESTAMP", "When it had its verdict."),
        Column("duration_sec", "FLOAT64", "Between the two."),
        Column("verdict", "STRING", "reconciled or not_reconciled."),
        Column("scope", "STRING", "full, range, or incremental: behind what was proven before."),
        Column("since", "TIMESTAMP", "First arrival of a range.", True),
        Column("until", "TIMESTAMP", "First arrival after a range.", True),
        Column("ranges", "STRING", "JSON: topic, partition, start, end (exclusive), proven_end."),
        Column("read", "INT64", "Records in Kafka."),
        Column("accepted", "INT64", "Rows in transactions."),
        Column("duplicate", "INT64", "Rows in duplicates."),
        Column("conflict", "INT64", "Rows in conflicts."),
        Column("late", "INT64", "Rows in late_transactions."),
        Column("invalid", "INT64", "Rows in dead_letters."),
        Column("missing", "INT64", "Records in no table."),
        Column("double", "INT64", "Rows too many."),
        Column("unknown", "INT64", "Rows of no record."),
        Column("sums", "STRING", "JSON: each currency, its records, rows and sums on both sides."),
        Column("problems", "STRING", "JSON: the first failures of each check."),
        Column("notes", "STRING", "JSON: what is no failure, but should be known."),
        Column("allowed_lateness_sec", "INT64", "Limit that the check judged by."),
        Column("clock_skew_sec", "INT64", "Limit that the check judged by."),
        Column("pipeline_version", "STRING", "Version of the check."),
        Column("checked_by", "STRING", "User and machine."),
        Column("skipped", "INT64", "Records in ranges of skipped_records.", True, 4),
    ),
    partition_by="started_at",
    cluster_by=("verdict",),
)

# Where a record has a row of its own. The rest are in the ranges of SKIPPED_RECORDS.
OUTCOME_TABLES = (TRANSACTIONS, DUPLICATES, CONFLICTS, LATE_TRANSACTIONS, DEAD_LETTERS)
DERIVED_TABLES = (TOTALS_BY_MINUTE, FRAUD_INDICATORS)
# Those that the job writes.
TABLES = (*OUTCOME_TABLES, SKIPPED_RECORDS, *DERIVED_TABLES)
# Those that launchers and tools write.
OPERATIONS_TABLES = (RUNS, RECONCILIATIONS)
ALL_TABLES = (*TABLES, *OPERATIONS_TABLES)

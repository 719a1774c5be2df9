"""The BigQuery tables, column by column: the one source of rows, DDL and checks."""

from __future__ import annotations

import dataclasses
from typing import Literal

from transforms.payment.outcome import Outcome

ColumnType = Literal["STRING", "INT64", "FLOAT64", "NUMERIC", "TIMESTAMP", "BYTES"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column, as BigQuery knows it."""

    name: str
    type: ColumnType
    description: str
    nullable: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """One table, partitioned by day."""

    name: str
    description: str
    columns: tuple[Column, ...]
    partition_by: str  # a TIMESTAMP column, by day
    cluster_by: tuple[str, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Returns the names in the order of a row."""
        return tuple(column.name for column in self.columns)


@dataclasses.dataclass(frozen=True)
class OutcomeTable(Table):
    """A table where records of one outcome end, one row each."""

    outcome: Outcome


_LINEAGE = (
    Column("kafka_topic", "STRING", "Topic the record was read from."),
    Column("kafka_partition", "INT64", "Partition the record was read from."),
    Column("kafka_offset", "INT64", "Offset of the record in its partition."),
    Column("broker_time", "TIMESTAMP", "Arrival: the broker's LogAppendTime."),
    Column("replay_of_topic", "STRING", "Of the dead letter that this sends again.", True),
    Column("replay_of_partition", "INT64", "Of the dead letter that this sends again.", True),
    Column("replay_of_offset", "INT64", "Of the dead letter that this sends again.", True),
    Column("original_time", "TIMESTAMP", "Arrival that a replay is judged by.", True),
)
_WRITTEN = (
    Column("ingested_at", "TIMESTAMP", "When the pipeline formatted the row."),
    Column("pipeline_version", "STRING", "Version of the pipeline that wrote the row."),
)
_PAYMENT = (
    Column("transaction_id", "STRING", "Id of the payment, given by its producer."),
    Column("account_id", "STRING", "The payer."),
    Column("merchant_id", "STRING", "The payee."),
    Column("payment_type", "STRING", "purchase, refund, transfer or withdrawal."),
    Column("amount", "NUMERIC", "Amount in major units of the currency, exact."),
    Column("amount_minor", "INT64", "Amount in minor units of the currency, as received."),
    Column("currency", "STRING", "ISO 4217 code."),
    Column("event_time", "TIMESTAMP", "When the payment happened, by its producer."),
    Column("country", "STRING", "ISO 3166-1 alpha-2 code.", nullable=True),
    Column("device_id", "STRING", "Device the payment was made with.", nullable=True),
)
_FIRST = (
    Column("first_topic", "STRING", "Topic of the accepted record of this id."),
    Column("first_partition", "INT64", "Partition of the accepted record of this id."),
    Column("first_offset", "INT64", "Offset of the accepted record of this id."),
    Column("first_broker_time", "TIMESTAMP", "Arrival of the accepted record of this id."),
)
_REJECTION = (
    Column("reason", "STRING", "Why the record was rejected: a closed list."),
    Column("detail", "STRING", "What was required and what was received, for a human."),
    Column("step", "STRING", "The step that rejected it."),
    Column("key", "BYTES", "Kafka key, as read.", nullable=True),
    Column("payload", "BYTES", "Kafka value, as read; null for a tombstone.", nullable=True),
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
        Column("count_10min", "INT64", "Payments of the account in 10 min, this included.", True),
        Column("amount_10min", "NUMERIC", "Their sum, those in this currency.", True),
        Column("count_1h", "INT64", "Payments of the account in 1 h, this included.", True),
        Column("amount_1h", "NUMERIC", "Their sum, those in this currency.", True),
        Column("baseline_count", "INT64", "Earlier payments in this currency.", True),
        Column("baseline_mean_minor", "FLOAT64", "Mean of their amounts, minor units.", True),
        Column("baseline_stddev_minor", "FLOAT64", "Their sample standard deviation.", True),
        Column("z_score", "FLOAT64", "(amount - mean) / standard deviation.", True),
        Column("small_count_10min", "INT64", "Much smaller payments in 10 min before.", True),
        Column("previous_country", "STRING", "Country of the payment before.", True),
        Column("previous_event_time", "TIMESTAMP", "Event time of that payment.", True),
        Column("known_devices", "INT64", "Devices the account had paid with before.", True),
        *(dataclasses.replace(column, nullable=True) for column in _FIRST),
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
    ),
    partition_by="started_at",
    cluster_by=("verdict",),
)

OUTCOME_TABLES = (TRANSACTIONS, DUPLICATES, CONFLICTS, LATE_TRANSACTIONS, DEAD_LETTERS)
DERIVED_TABLES = (TOTALS_BY_MINUTE, FRAUD_INDICATORS)
# Those that the job writes.
TABLES = (*OUTCOME_TABLES, *DERIVED_TABLES)
# Those that launchers and tools write.
OPERATIONS_TABLES = (RUNS, RECONCILIATIONS)
ALL_TABLES = (*TABLES, *OPERATIONS_TABLES)

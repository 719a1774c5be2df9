"""What does each BigQuery table hold? The one source of rows, DDL and checks."""

from __future__ import annotations

import dataclasses
from typing import Literal

from transforms.contract.outcome import Outcome

ColumnType = Literal["STRING", "INT64", "NUMERIC", "TIMESTAMP", "BYTES"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column, as BigQuery knows it."""

    name: str
    type: ColumnType
    description: str
    nullable: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """One table: where records of one outcome end."""

    name: str
    outcome: Outcome
    description: str
    columns: tuple[Column, ...]
    partition_by: str  # a TIMESTAMP column, by day
    cluster_by: tuple[str, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Returns the names in the order of a row."""
        return tuple(column.name for column in self.columns)


_LINEAGE = (
    Column("kafka_topic", "STRING", "Topic the record was read from."),
    Column("kafka_partition", "INT64", "Partition the record was read from."),
    Column("kafka_offset", "INT64", "Offset of the record in its partition."),
    Column("broker_time", "TIMESTAMP", "Arrival: the broker's LogAppendTime."),
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

TRANSACTIONS = Table(
    "transactions",
    Outcome.ACCEPTED,
    "Each payment once: the first valid record of its transaction_id.",
    _PAYMENT + _LINEAGE,
    partition_by="event_time",
    cluster_by=("transaction_id", "account_id"),
)
DUPLICATES = Table(
    "duplicates",
    Outcome.DUPLICATE,
    "Copies of accepted payments that agree with them.",
    _PAYMENT + _FIRST + _LINEAGE,
    partition_by="broker_time",
    cluster_by=("transaction_id",),
)
CONFLICTS = Table(
    "conflicts",
    Outcome.CONFLICT,
    "Records that contradict an accepted payment of the same id: possible fraud.",
    _PAYMENT + _FIRST + _LINEAGE,
    partition_by="broker_time",
    cluster_by=("transaction_id",),
)
LATE_TRANSACTIONS = Table(
    "late_transactions",
    Outcome.LATE,
    "Valid records that arrived after the allowed lateness.",
    _PAYMENT + _LINEAGE,
    partition_by="broker_time",
    cluster_by=("transaction_id",),
)
DEAD_LETTERS = Table(
    "dead_letters",
    Outcome.INVALID,
    "Records that cannot be counted, with their raw bytes and the reason.",
    _REJECTION + _LINEAGE,
    partition_by="broker_time",
    cluster_by=("reason",),
)

TABLES = (TRANSACTIONS, DUPLICATES, CONFLICTS, LATE_TRANSACTIONS, DEAD_LETTERS)

"""The whole data path, in order. Read this file first.

Elements are lists: every step takes and gives batches of records, transactions or letters, for a
call costs more than a record (docs/performance.md). Rows alone go to BigQuery one by one.
A record read from Kafka ends in exactly one of five tables: each split below sends every element
down one of its branches, and each branch ends in a write. Two more tables are derived from what was
accepted: totals by minute, and fraud indicators.
"""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam

from pipeline.config import PipelineConfig
from transforms import (
    DecodeTransaction,
    Deduplicate,
    FormatRow,
    LimitDeadLetters,
    ReadKafka,
    RejectRefused,
    ScoreFraud,
    SplitLate,
    StopOnRefused,
    TotalByMinute,
    ValidateTransaction,
    WriteBigQuery,
)
from transforms.contract.dead_letter import DeadLetter
from transforms.contract.dedup_policy import DedupPolicy
from transforms.contract.fraud_rules import FraudRules
from transforms.contract.rules import Rules
from transforms.contract.table_schema import (
    CONFLICTS,
    DEAD_LETTERS,
    DUPLICATES,
    FRAUD_INDICATORS,
    LATE_TRANSACTIONS,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    Table,
)

# How long bad records flow before they are noticed. Rows become visible at checkpoints, seconds
# apart, so that most of them are never written.
LOOK_EVERY_SEC = 1


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires Kafka to BigQuery."""
    records = root | "ReadKafka" >> ReadKafka(config.source)

    decoded = records | "DecodeTransaction" >> DecodeTransaction()
    validated = decoded.decoded | "ValidateTransaction" >> ValidateTransaction(
        Rules(config.clock_skew_us)
    )
    _ = (
        records,
        decoded.dead_letters,
        validated.dead_letters,
    ) | "LimitDeadLetters" >> LimitDeadLetters(
        config.dead_letter_ratio_max, None if config.bounded else LOOK_EVERY_SEC
    )
    timely = validated.valid | "SplitLate" >> SplitLate(config.allowed_lateness_us)

    # No step below may reject a transaction for what it contains: its id is remembered, so a
    # rejected one would turn its own corrected copy into a duplicate.
    deduplicated = timely.on_time | "Deduplicate" >> Deduplicate(
        DedupPolicy(config.horizon_us), config.dedup_state, config.memory
    )

    refused = (
        _write(deduplicated.accepted, TRANSACTIONS, config),
        _write(deduplicated.duplicates, DUPLICATES, config),
        _write(deduplicated.conflicts, CONFLICTS, config),
        _write(timely.late, LATE_TRANSACTIONS, config),
    )
    totals = deduplicated.accepted | "TotalByMinute" >> TotalByMinute(
        config.allowed_lateness_us,
        config.horizon_us,
        None if config.bounded else config.totals_every_sec,
        config.run_id,
    )
    raised = (deduplicated.accepted, deduplicated.conflicts) | "ScoreFraud" >> ScoreFraud(
        FraudRules(config.account_memory_us)
    )

    _write_merged(totals, TOTALS_BY_MINUTE, config)
    _write_merged(raised, FRAUD_INDICATORS, config)
    _write_merged((decoded.dead_letters, validated.dead_letters, *refused), DEAD_LETTERS, config)


def _write(
    elements: beam.PCollection, table: Table, config: PipelineConfig
) -> beam.PCollection[DeadLetter]:
    """Ends a branch in its table; what BigQuery refuses comes back as dead letters."""
    rows = elements | f"Format {table.name}" >> FormatRow(table, config.version)
    refused = rows | _label(table, config) >> WriteBigQuery(config.sink, table)
    return refused | f"Reject {table.name}" >> RejectRefused()


def _write_merged(
    branches: Sequence[beam.PCollection], table: Table, config: PipelineConfig
) -> None:
    """Ends several branches in one table whose rows no other table can hold."""
    # Formatted before they are merged: rows have a schema to cross a stage with.
    rows = [
        elements | f"Format {table.name} {number}" >> FormatRow(table, config.version)
        for number, elements in enumerate(branches)
    ]
    refused = (
        rows
        | f"Merge {table.name}" >> beam.Flatten()
        | _label(table, config) >> WriteBigQuery(config.sink, table)
    )
    _ = refused | f"StopOnRefused {table.name}" >> StopOnRefused()


def _label(table: Table, config: PipelineConfig) -> str:
    # The step keeps rows on their way to these tables, and no other job may find them under its
    # name: one that writes to other tables would append these to ours (docs/decisions/0014).
    return f"Write {table.name} to {config.sink.dataset}"

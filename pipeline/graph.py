"""The whole data path, in order. Read this file first.

A record read from Kafka ends in exactly one table: each split below sends every element down one
of its branches, and each branch ends in a write.
"""

from __future__ import annotations

import apache_beam as beam

from pipeline.config import PipelineConfig
from transforms import (
    DecodeTransaction,
    Deduplicate,
    FormatRow,
    ReadKafka,
    RejectRefused,
    SplitLate,
    StopOnRefused,
    ValidateTransaction,
    WriteBigQuery,
)
from transforms.contract.dead_letter import DeadLetter
from transforms.contract.dedup_policy import DedupPolicy
from transforms.contract.rules import Rules
from transforms.contract.table_schema import (
    CONFLICTS,
    DEAD_LETTERS,
    DUPLICATES,
    LATE_TRANSACTIONS,
    TRANSACTIONS,
    Table,
)


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires Kafka to BigQuery."""
    records = root | "ReadKafka" >> ReadKafka(config.source)

    decoded = records | "DecodeTransaction" >> DecodeTransaction()
    validated = decoded.decoded | "ValidateTransaction" >> ValidateTransaction(
        Rules(config.clock_skew_us)
    )
    timely = validated.valid | "SplitLate" >> SplitLate(config.allowed_lateness_us)

    # No step below may reject a transaction for what it contains: its id is remembered, so a
    # rejected one would turn its own corrected copy into a duplicate.
    deduplicated = timely.on_time | "Deduplicate" >> Deduplicate(DedupPolicy(config.horizon_us))

    refused = (
        _write(deduplicated.accepted, TRANSACTIONS, config),
        _write(deduplicated.duplicates, DUPLICATES, config),
        _write(deduplicated.conflicts, CONFLICTS, config),
        _write(timely.late, LATE_TRANSACTIONS, config),
    )
    _write_dead_letters((decoded.dead_letters, validated.dead_letters, *refused), config)


def _write(
    elements: beam.PCollection, table: Table, config: PipelineConfig
) -> beam.PCollection[DeadLetter]:
    """Ends a branch in its table; what BigQuery refuses comes back as dead letters."""
    rows = elements | f"Format {table.name}" >> FormatRow(table, config.version)
    refused = rows | f"Write {table.name}" >> WriteBigQuery(config.sink, table)
    return refused | f"Reject {table.name}" >> RejectRefused()


def _write_dead_letters(
    branches: tuple[beam.PCollection[DeadLetter], ...], config: PipelineConfig
) -> None:
    """Ends every rejected record in one table."""
    # Formatted before they are merged: rows have a schema to cross a stage with.
    rows = [
        letters | f"Format dead_letters {number}" >> FormatRow(DEAD_LETTERS, config.version)
        for number, letters in enumerate(branches)
    ]
    lost = (
        rows
        | "MergeDeadLetters" >> beam.Flatten()
        | "Write dead_letters" >> WriteBigQuery(config.sink, DEAD_LETTERS)
    )
    _ = lost | "StopOnRefused" >> StopOnRefused()

"""The whole data path, in order. Read this file first.

Elements are lists: every step takes and gives batches of records, transactions or letters, for a
call costs more than a record (docs/performance.md).
A record read from Kafka ends in exactly one of five tables: each split below sends every element
down one of its branches, and each branch ends in a write. Two more tables are derived from what was
accepted: totals by minute, and fraud indicators.
"""

from __future__ import annotations

import apache_beam as beam

from pipeline.config import PipelineConfig
from transforms import (
    DecodeTransaction,
    Deduplicate,
    LimitDeadLetters,
    ReadKafka,
    ScoreFraud,
    SplitLate,
    TotalByMinute,
    WriteBigQuery,
)
from transforms.batch_by_shard import Shards
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
)

# How long bad records flow before they are noticed. Rows become visible at checkpoints, seconds
# apart, so that most of them are never written.
LOOK_EVERY_SEC = 1


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires Kafka to BigQuery."""
    records = root | "ReadKafka" >> ReadKafka(config.source)

    decoded = records | "DecodeTransaction" >> DecodeTransaction(Rules(config.clock_skew_us))
    _ = (records, decoded.dead_letters) | "LimitDeadLetters" >> LimitDeadLetters(
        config.dead_letter_ratio_max, None if config.bounded else LOOK_EVERY_SEC
    )
    timely = decoded.transactions | "SplitLate" >> SplitLate(config.allowed_lateness_us)

    # No step below may reject a transaction for what it contains: its id is remembered, so a
    # rejected one would turn its own corrected copy into a duplicate.
    deduplicated = timely.on_time | "Deduplicate" >> Deduplicate(
        DedupPolicy(config.horizon_us), Shards(config.shard_keys), config.dedup_state, config.memory
    )

    totals = deduplicated.accepted | "TotalByMinute" >> TotalByMinute(
        config.allowed_lateness_us,
        config.horizon_us,
        None if config.bounded else config.totals_every_sec,
        config.run_id,
    )
    indicators = (deduplicated.accepted, deduplicated.conflicts) | "ScoreFraud" >> ScoreFraud(
        FraudRules(config.account_memory_us), Shards(config.shard_keys)
    )

    ends = {
        TRANSACTIONS: deduplicated.accepted,
        DUPLICATES: deduplicated.duplicates,
        CONFLICTS: deduplicated.conflicts,
        LATE_TRANSACTIONS: timely.late,
        DEAD_LETTERS: decoded.dead_letters,
        TOTALS_BY_MINUTE: totals | "MergeTotals" >> beam.Flatten(),
        FRAUD_INDICATORS: indicators | "MergeIndicators" >> beam.Flatten(),
    }
    # The step remembers where it appends, and no other job may find that under its name: one that
    # writes to other tables would append to our streams (docs/decisions/0014).
    label = f"WriteBigQuery to {config.sink.project}.{config.sink.dataset}"
    _ = {table.name: end for table, end in ends.items()} | label >> WriteBigQuery(
        config.sink, config.stream_keys, config.version
    )

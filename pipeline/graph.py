"""The whole data path, in order. Read this file first.

Elements are lists: every step takes and gives batches of records, transactions or letters, because
each call costs more than a record (docs/performance_story.md).
A record read from Kafka ends in exactly one of five tables: each split below sends every element
down one of its branches, and each branch ends in a write. Two more tables are derived from what was
accepted: totals by minute, and fraud indicators.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

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
from transforms.bigquery import arrow_rows
from transforms.codecs.contract.decoder import Decoder
from transforms.payment.fraud_rules import FraudRules
from transforms.payment.rules import Rules
from transforms.payment.tables import TABLES

# How long bad records flow before they are noticed. Rows become visible at checkpoints, seconds
# apart, so that most of them are never written.
LOOK_EVERY_SEC = 1


@dataclasses.dataclass(frozen=True)
class Parts:
    """Parts that a caller may replace: a test the two ends, an upgrade run a rule or a step.

    Attributes:
        read: from the root to lists of KafkaRecord.
        decoder: what the bytes of a record mean.
        rules: what a valid payment is.
        deduplicate: as transforms.Deduplicate.
        write: takes what ends in each table, by the table's name.
    """

    read: beam.PTransform
    decoder: Decoder
    rules: Rules
    deduplicate: beam.PTransform
    write: beam.PTransform

    @classmethod
    def of(cls, config: PipelineConfig) -> Parts:
        """Returns the parts of the product."""
        shards, contract, policy = Shards(config.shard_keys), config.contract, config.dedup_policy
        return cls(
            read=ReadKafka(config.source),
            decoder=Decoder(contract),
            rules=contract.rules(config.clock_skew_us),
            deduplicate=Deduplicate(policy, shards, config.dedup_state, config.memory),
            write=WriteBigQuery(
                config.sink,
                config.stream_keys,
                config.version,
                arrow_rows.encoders_of(contract),
            ),
        )


class Outputs(NamedTuple):
    """Where elements end. A record is in exactly one of the first five; two are derived."""

    accepted: beam.PCollection
    duplicates: beam.PCollection
    conflicts: beam.PCollection
    late: beam.PCollection
    dead_letters: beam.PCollection
    totals: beam.PCollection
    indicators: beam.PCollection


def build(root: beam.Pipeline, config: PipelineConfig, parts: Parts | None = None) -> Outputs:
    """Wires Kafka to BigQuery, and returns what ends in each table."""
    parts = parts or Parts.of(config)
    records = root | "ReadKafka" >> parts.read

    decoded = records | "DecodeTransaction" >> DecodeTransaction(parts.decoder, parts.rules)
    _ = (records, decoded.dead_letters) | "LimitDeadLetters" >> LimitDeadLetters(
        config.dead_letter_ratio_max, None if config.bounded else LOOK_EVERY_SEC
    )
    timely = decoded.transactions | "SplitLate" >> SplitLate(config.allowed_lateness_us)

    # No step below may reject a transaction for what it contains: its id is remembered, so a
    # rejected one would turn its own corrected copy into a duplicate.
    deduplicated = timely.on_time | "Deduplicate" >> parts.deduplicate

    # Three steps take what was accepted: the two below, and the write.
    totals = deduplicated.accepted | "TotalByMinute" >> TotalByMinute(
        config.allowed_lateness_us,
        config.horizon_us,
        None if config.bounded else config.totals_every_sec,
        config.run_id,
    )
    indicators = (deduplicated.accepted, deduplicated.conflicts) | "ScoreFraud" >> ScoreFraud(
        FraudRules(config.account_memory_us), Shards(config.shard_keys)
    )

    outputs = Outputs(
        deduplicated.accepted,
        deduplicated.duplicates,
        deduplicated.conflicts,
        timely.late,
        decoded.dead_letters,
        totals | "MergeTotals" >> beam.Flatten(),
        indicators | "MergeIndicators" >> beam.Flatten(),
    )
    # The step remembers where it appends, and no other job may find that under its name: one that
    # writes to other tables would append to our streams (docs/decisions/0014).
    label = f"WriteBigQuery to {config.sink.project}.{config.sink.dataset}"
    tables = (table.name for table in TABLES)
    _ = dict(zip(tables, outputs, strict=True)) | label >> parts.write
    return outputs

"""The graphs of the contestants on Beam: all read and decode alike, only the rest differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.transforms.deduplicate import DeduplicatePerKey
from apache_beam.utils.timestamp import Duration

from benchmarks.meter import Meter
from pipeline.config import PipelineConfig
from transforms import DecodeTransaction, Deduplicate, ReadKafka, SplitLate
from transforms.batch_by_shard import Shards
from transforms.codecs.contract.decoder import Decoder
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.transaction import Transaction

Graph = Callable[[beam.Pipeline, PipelineConfig, str], None]

# Names of meters: what a contestant keeps, what it takes for copies, what comes too late to be
# either. With the default of an hour nothing does.
KEPT = "kept"
COPIES = "copies"
LATE = "late"


def ceiling(root: beam.Pipeline, config: PipelineConfig, meters: str) -> None:
    """Reads, decodes and validates, and remembers nothing: no form of ours can be faster."""
    _ = _split(root, config).on_time | "Kept" >> Meter(meters, KEPT)


def deduplicate(root: beam.Pipeline, config: PipelineConfig, meters: str) -> None:
    """Ours, without totals, indicators and tables; --dedup_state says in which layout."""
    split = _split(root, config)
    outputs = split.on_time | "Deduplicate" >> Deduplicate(
        DedupPolicy(config.horizon_us), Shards(config.shard_keys), config.dedup_state
    )
    _ = outputs.accepted | "Kept" >> Meter(meters, KEPT)
    _ = (outputs.duplicates, outputs.conflicts) | beam.Flatten() | "Copies" >> Meter(meters, COPIES)
    _ = split.late | "Late" >> Meter(meters, LATE)


def beam_deduplicate(root: beam.Pipeline, config: PipelineConfig, meters: str) -> None:
    """Beam's own, with the same horizon. It drops copies: there is nothing to count them by."""
    _ = (
        _split(root, config).on_time
        | "KeyById" >> beam.FlatMap(_with_ids).with_output_types(tuple[str, int])
        | "DeduplicatePerKey"
        >> DeduplicatePerKey(event_time_duration=Duration(micros=config.horizon_us))
        | "InLists" >> beam.Map(lambda each: [each])
        | "Kept" >> Meter(meters, KEPT)
    )


GRAPHS: dict[str, Graph] = {
    "ceiling": ceiling,
    "deduplicate": deduplicate,
    "beam_deduplicate": beam_deduplicate,
}


def _split(root: beam.Pipeline, config: PipelineConfig) -> SplitLate.Outputs:
    records = root | "ReadKafka" >> ReadKafka(config.source)
    decoded = records | "DecodeTransaction" >> DecodeTransaction(
        Decoder(config.contract), config.contract.rules(config.clock_skew_us)
    )
    split: SplitLate.Outputs = decoded.transactions | "SplitLate" >> SplitLate(
        config.allowed_lateness_us
    )
    return split


def _with_ids(batch: list[Transaction]) -> Iterator[tuple[str, int]]:
    for transaction in batch:
        yield transaction.transaction_id, transaction.amount_minor

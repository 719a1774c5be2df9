"""The contestants: each reads the same topic to its end and reports how many ids it kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.on_beam import end_to_end, graph_runner
from benchmarks.peers import beam_sink, flink_bigquery, flink_sql, spark
from benchmarks.stage import Measured, Stage


class Contestant(NamedTuple):
    """One of them: what it is, and how it is run."""

    name: str
    meaning: str
    run: Callable[[Stage], Measured]


CONTESTANTS = (
    Contestant(
        "ceiling",
        "reads, decodes and validates; remembers nothing",
        graph_runner("ceiling", "ceiling"),
    ),
    Contestant(
        "sharded",
        "this pipeline's deduplication, as it runs by default",
        graph_runner("sharded", "deduplicate"),
    ),
    Contestant(
        "Flink SQL",
        "ROW_NUMBER() = 1, keep-first by processing time, RocksDB",
        flink_sql.run,
    ),
    Contestant(
        "Spark",
        "dropDuplicatesWithinWatermark, RocksDB, as many micro-batches as it takes",
        spark.run,
    ),
    Contestant(
        "Flink SQL to BigQuery",
        "keep-first into the stand-in, exactly once by flink-bigquery-connector 1.0.0",
        flink_bigquery.run,
    ),
    Contestant("end to end", "the whole pipeline, exactly once into the stand-in", end_to_end),
    Contestant(
        "Beam's sink",
        "the whole pipeline with Beam's Java sink, exactly once into the stand-in",
        beam_sink.run,
    ),
    Contestant(
        "per_id",
        "this pipeline's plain reference: one state cell and timer per id",
        graph_runner("per_id", "deduplicate", ["--dedup_state=per_id"]),
    ),
    Contestant(
        "DeduplicatePerKey",
        "Beam's own deduplication",
        graph_runner("DeduplicatePerKey", "beam_deduplicate"),
    ),
)

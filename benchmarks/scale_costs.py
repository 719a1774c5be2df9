"""The figures that the model of scale rests on: measured costs, BigQuery's limits, prices.

Every figure names where it comes from. Two virtual cores of a shared machine measured the costs:
good for where the bottleneck lies, not for the last tenth of a rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from operations.flag_ranges import BUNDLE_SIZE_MAX
from transforms.payment.tables import TABLES

# --- Costs ----------------------------------------------------------------------------------------

# Measured: the whole pipeline with fraud, one million records, TaskManagers, workers and Kafka's
# client together, start-up included (docs/performance_story.md, "Into BigQuery", 2026-11-29:
# `python -m benchmarks --only="end to end"`, parallelism 2).
END_TO_END_CPU_SEC_PER_MILLION = 83.0
# Measured: of these, what reading, decoding and validating take: they lie where the partitions are
# (benchmarks/results/20261127_182612_bench.json, contestant "ceiling").
READ_CPU_SEC_PER_MILLION = 27.0
# Computed: appends have the share of a worker that decoding has (py-spy, end to end, 2026-11-29),
# so they cost what decoding costs. They lie where the streams are.
APPEND_US = 2.3
# What else there is lies where the shards are: deciding, totals, fraud, rows, and Flink beneath.

# Measured at parallelism 2 with 8 shards (2026-11-29; each call of the deduplication written down
# in a copy of the code, 600,000 records at 59,136/s): 1,631 records a batch on average.
SEEN_BUNDLE_RECORDS = 13_000
_SEEN_SHARDS = 8
# Records in a shard's batch that END_TO_END_CPU_SEC_PER_MILLION is taken for.
SEEN_BATCH_RECORDS = SEEN_BUNDLE_RECORDS / _SEEN_SHARDS
# Computed from two measured rates of `make bench ONLY="end to end"` (2026-11-29, parallelism 2):
# 18,915/s with 32 shards, batches of 16, and 22,011/s with 8, batches of 64.
# (2/18,915 - 2/22,011) / (1/16 - 1/64). The work, the data plane and the calls of state that a
# worker waits for, for the two shuffles (ids and accounts), an element each.
BATCH_US = 317.0
# Computed in the same way for the deduplication alone: 67,124/s and 75,636/s.
BATCH_OF_IDS_US = 71.0

# Measured (docs/performance_story.md, "ids of a bucket were one sorted array"): a record costs
# 12.6 us in a shard of ten million ids, 8.8 in one of 20,000. Between them the model takes the
# logarithm.
DECIDE_GROWTH_US = 3.8
DECIDE_FEW_IDS, DECIDE_MANY_IDS = 20_000, 10_000_000

# Measured: the rate in the run of END_TO_END_CPU_SEC_PER_MILLION, for comparison with the model's.
MEASURED_RATE_AT_2 = 45_439

Place = Literal["partitions", "shards"]


class Step(NamedTuple):
    """A step's own work, timed alone.

    Attributes:
        cpu_us: CPU microseconds a record.
        place: what decides which subtask does it.
        meaning: what is done.
    """

    cpu_us: float
    place: Place
    meaning: str


# Measured by `python -m benchmarks.scale --measure` (2026-11-29, load 8). They need not add up to
# the whole: the rest is Flink, the data plane, Kafka's client and Java's compiler.
STEPS: Mapping[str, Step] = {
    "frame": Step(0.57, "partitions", "unpacking a frame of the Java consumer"),
    "decode": Step(2.3, "partitions", "JSON to a payment"),
    "rules": Step(0.51, "partitions", "checking what makes it countable"),
    "batch": Step(0.7, "partitions", "gathering by shard and packing; once more for accounts"),
    "unpack": Step(1.0, "shards", "unpacking a batch; once more for accounts"),
    "decide": Step(2.0, "shards", "which are the first of their ids"),
    "arrow": Step(0.66, "shards", "rows of `transactions` as an Arrow batch"),
    "judge": Step(8.5, "shards", "fraud indicators"),
}
# Measured by the same command: what a batch costs beside its records, in Python, at one shuffle.
BATCH_PYTHON_US = 62.0
# Computed: what is left for an element on its way, with the calls of state it leads to. The first
# is what deduplication alone says, the second the whole pipeline: too far apart to trust either.
ELEMENT_US = (BATCH_OF_IDS_US - BATCH_PYTHON_US, BATCH_US / 2 - BATCH_PYTHON_US)

# --- Sizes ----------------------------------------------------------------------------------------

# Measured by the same command: key and payload of a record, and a row of `transactions` as Arrow.
RECORD_BYTES = 272.0
ROW_BYTES = 224.0
# templates/expansion/java/payments/kafka/RecordFrames.java.
FRAME_RECORDS_MAX, FRAME_BYTES_MAX = 500, 65_536
# transforms/bigquery/pack_rows.py: rows of an append.
APPEND_ROWS_MAX = 4_000
# Measured (docs/performance_story.md, "What remembering costs"): state while nothing is forgotten,
# and when as many are forgotten as come; a worker's copy of it.
STATE_BYTES_PER_ID = (40.0, 58.1)
COPY_BYTES_PER_ID = 43.9
# --allowed_lateness_sec + --clock_skew_sec, as by default.
HORIZON_SEC = 3_900
BUNDLE_MS = 1_000
BUNDLE_ELEMENTS = BUNDLE_SIZE_MAX
PARTITIONS_PER_SUBTASK = 2
# Chosen: a job whose fullest subtask has less left does not catch up after a stop.
PLANNED_LOAD = 0.7

# --- BigQuery: Google's pages, by title; from memory, they could not be read here -----------------

_QUOTAS = 'Google Cloud, "BigQuery quotas and limits", Storage Write API'
_PRACTICES = 'Google Cloud, "BigQuery Storage Write API best practices"'
MB = 1e6
REQUEST_BYTES_MAX = 10 * MB  # _QUOTAS
STREAM_BYTES_PER_SEC = 10 * MB  # _PRACTICES: about what one connection should carry
CREATE_STREAMS_PER_HOUR = 10_000  # _QUOTAS
TABLES_WRITTEN = len(TABLES)

Location = Literal["region", "multi-region"]


class Quota(NamedTuple):
    """What BigQuery allows a project at one place."""

    bytes_per_sec: float
    connections: int


QUOTAS: Mapping[Location, Quota] = {
    "region": Quota(300 * MB, 1_000),  # _QUOTAS
    "multi-region": Quota(3_000 * MB, 10_000),  # _QUOTAS: us and eu
}
SOURCES = (_QUOTAS, _PRACTICES, 'Google Cloud, "BigQuery pricing", data ingestion')

# --- Prices ---------------------------------------------------------------------------------------

# US dollars for a GiB through the Storage Write API, list price ("BigQuery pricing",
# from memory as well); the first 2 TiB of a month are free. CPU is priced by benchmarks/usage.py.
USD_PER_GIB_WRITTEN = 0.025
FREE_GIB_PER_MONTH = 2_048
MONTH_SEC = 730 * 3_600

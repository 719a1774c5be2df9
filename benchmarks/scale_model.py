"""Computes how fast a job of so many subtasks could be, and what limits it. Pure arithmetic.

The fullest subtask sets the pace. What it does for a record depends on three spreads: partitions
over subtasks, shards over subtasks (Flink's hash), streams over subtasks. The model lets one
subtask be the fullest of all three. A subtask has one core.

A bundle of each reading subtask is scattered over all shards, so batches become small as shards
become many, and each costs. That is why more subtasks are not as much faster.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple

from benchmarks import scale_costs as costs
from pipeline import flink_keys

Keys = Literal["even", "numbered"]
Kind = Literal["cores", "partitions", "shards", "streams", "BigQuery"]
# Above any rate: where the search for one begins.
_RATE_MAX = 1e8
# A spread is worth naming when an even one would make the job so much faster.
_WORTH_NAMING = 1.03
_BATCHES_SHARE_MAX = 0.25


@dataclasses.dataclass(frozen=True)
class Layout:
    """A job, as far as its pace depends on it.

    Attributes:
        subtasks: parallelism.
        partitions: of the topic; None: two for each subtask.
        shards: None: as many as the pipeline takes for this parallelism.
        keys: of shards: even, or numbered from 0 as before decision 19.
        streams: append streams a table; None: one for each subtask, within the quota.
        bundle_ms, bundle_elements: --max_bundle_time_mills, --max_bundle_size.
        bundle_records: bundles end at so many records, whatever the flags allow; None: never.
        location: where the dataset is.
        end_to_end_us: of a record.
    """

    subtasks: int
    partitions: int | None = None
    shards: int | None = None
    keys: Keys = "even"
    streams: int | None = None
    bundle_ms: int = costs.BUNDLE_MS
    bundle_elements: int = costs.BUNDLE_ELEMENTS
    bundle_records: int | None = None
    location: costs.Location = "region"
    end_to_end_us: float = costs.END_TO_END_CPU_SEC_PER_MILLION

    @property
    def partition_count(self) -> int:
        """Returns how many partitions there are."""
        return self.partitions or costs.PARTITIONS_PER_SUBTASK * self.subtasks

    @property
    def shard_count(self) -> int:
        """Returns how many shards there are."""
        return self.shards or flink_keys.count_for(self.subtasks)

    @property
    def stream_count(self) -> int:
        """Returns how many streams a table has."""
        if self.streams:
            return self.streams
        allowed = costs.QUOTAS[self.location].connections // costs.TABLES_WRITTEN
        per_subtask = _power_from(self.subtasks)
        return max(2, min(flink_keys.COUNT_MAX, per_subtask, _power_from(allowed + 1) // 2))

    @property
    def connections(self) -> int:
        """Returns how many connections to BigQuery are open."""
        return self.stream_count * costs.TABLES_WRITTEN


class Shares(NamedTuple):
    """Which part of all work of a kind the fullest subtask has."""

    partitions: float
    shards: float
    streams: float


class Estimate(NamedTuple):
    """What the model says of a layout, at its sustained rate.

    Attributes:
        rate_per_sec: records a second of the whole job.
        bottleneck: what holds it back: the kind, and a few words.
        record_us: time of the fullest subtask's core for one of its records.
        append_bytes, appends_per_sec: of `transactions` alone, which has nearly all rows.
    """

    layout: Layout
    shares: Shares
    fullest_partitions: int
    fullest_shards: int
    rate_per_sec: float
    bottleneck: tuple[Kind, str]
    bundle_records: float
    batch_records: float
    record_us: float
    appends_per_sec: float
    append_bytes: float

    @property
    def bytes_per_sec(self) -> float:
        """Returns what goes into `transactions`."""
        return self.rate_per_sec * costs.ROW_BYTES


def estimate(layout: Layout) -> Estimate:
    """Returns how fast a job of this layout is, and why not faster."""
    shares = shares_of(layout)
    by_cores = capacity(layout, shares)
    by_quota, quota = bigquery_allows(layout)
    rate = min(by_cores, by_quota)
    bundle, batch = batches(layout, rate)
    rows = _rows_of_bundle(layout, shares, rate, batch)
    reason: tuple[Kind, str]
    if layout.connections > costs.QUOTAS[layout.location].connections:
        # Whatever the rate: those beyond it are refused, and their rows wait.
        reason = "BigQuery", f"{layout.connections:,} connections are too many"
    elif by_quota < by_cores:
        reason = "BigQuery", quota
    else:
        reason = _why_not_faster(layout, shares, by_cores)
    return Estimate(
        layout,
        shares,
        round(shares.partitions * layout.partition_count),
        round(shares.shards * layout.shard_count),
        rate,
        reason,
        bundle,
        batch,
        load(layout, shares, rate) * layout.subtasks / rate * 1e6,
        rate / rows * math.ceil(rows / costs.APPEND_ROWS_MAX),
        min(rows, costs.APPEND_ROWS_MAX) * costs.ROW_BYTES,
    )


def shares_of(layout: Layout) -> Shares:
    """Returns what the fullest subtask has of partitions, shards and streams."""
    partitions, streams = layout.partition_count, layout.stream_count
    stream_keys = _keys(_power_from(streams), "even")[:streams]
    return Shares(
        math.ceil(partitions / layout.subtasks) / partitions,
        _fullest(_keys(layout.shard_count, layout.keys), layout.subtasks) / layout.shard_count,
        _fullest(stream_keys, layout.subtasks) / streams,
    )


@functools.cache
def _keys(count: int, kind: Keys) -> tuple[int, ...]:
    """Returns the key of each of so many shards, or streams."""
    return flink_keys.even_keys(count) if kind == "even" else tuple(range(count))


def load(layout: Layout, shares: Shares, rate: float) -> float:
    """Returns how much of its core the fullest subtask needs at this rate; 1 is all."""
    read_us = min(costs.READ_CPU_SEC_PER_MILLION, layout.end_to_end_us)
    by_shard_us = max(0.0, layout.end_to_end_us - read_us - costs.APPEND_US)
    batches_us = costs.BATCH_US * (1 / batches(layout, rate)[1] - 1 / costs.SEEN_BATCH_RECORDS)
    at_shards_us = by_shard_us + _growth_us(layout, rate) + batches_us
    record_us = (
        shares.partitions * read_us
        + shares.shards * at_shards_us
        + shares.streams * costs.APPEND_US
    )
    return rate * record_us / 1e6


def capacity(layout: Layout, shares: Shares, at_most: float = 1.0) -> float:
    """Returns the rate at which the fullest subtask needs so much of its core."""
    low, high = 1.0, _RATE_MAX
    while high / low > 1.000_1:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if load(layout, shares, middle) < at_most else (low, middle)
    return low


def batches(layout: Layout, rate: float) -> tuple[float, float]:
    """Returns records of a bundle where records are read, and of the batches it makes."""
    readers = min(layout.partition_count, layout.subtasks)
    frame = min(costs.FRAME_RECORDS_MAX, costs.FRAME_BYTES_MAX // costs.RECORD_BYTES)
    bundle = max(1.0, rate / readers * layout.bundle_ms / 1_000)
    bundle = min(bundle, layout.bundle_elements * frame, layout.bundle_records or math.inf)
    # As many shards as so many records hit by chance.
    shards = layout.shard_count
    hit = shards * (1 - (1 - 1 / shards) ** bundle) if shards > 1 else 1.0
    return bundle, bundle / max(1.0, hit)


def _rows_of_bundle(layout: Layout, shares: Shares, rate: float, batch: float) -> float:
    """Returns the rows that a bundle puts out where shards are, on the average."""
    busy = min(1 / shares.shards, layout.subtasks)
    rows = max(1.0, rate / busy * layout.bundle_ms / 1_000)
    return min(rows, layout.bundle_elements * batch, layout.bundle_records or math.inf)


def _growth_us(layout: Layout, rate: float) -> float:
    """Returns what a decision costs more for all the ids that a shard remembers."""
    ids = rate * costs.HORIZON_SEC / layout.shard_count
    span = math.log(costs.DECIDE_MANY_IDS / costs.DECIDE_FEW_IDS)
    return costs.DECIDE_GROWTH_US * max(0.0, math.log(ids / costs.DECIDE_FEW_IDS) / span)


def bigquery_allows(layout: Layout) -> tuple[float, str]:
    """Returns the rate at which the first of BigQuery's limits is reached, and which."""
    quota = costs.QUOTAS[layout.location]
    streams = layout.stream_count
    limits = [
        (quota.bytes_per_sec, f"{quota.bytes_per_sec / costs.MB:,.0f} MB/s a project"),
        (streams * costs.STREAM_BYTES_PER_SEC, f"10 MB/s a stream, of {streams}"),
    ]
    bytes_per_sec, meaning = min(limits)
    return bytes_per_sec / costs.ROW_BYTES, meaning


def _why_not_faster(layout: Layout, shares: Shares, rate: float) -> tuple[Kind, str]:
    """Returns which spread costs most, or that all is even and the cores are busy."""
    subtasks, partitions, shards = layout.subtasks, layout.partition_count, layout.shard_count
    if partitions < subtasks:
        return "partitions", f"{subtasks - partitions} of {subtasks} read nothing"
    even = 1 / subtasks
    fullest = round(shares.shards * shards)
    candidates: list[tuple[Kind, Shares, str]] = [
        (
            "partitions",
            shares._replace(partitions=even),
            f"fullest reads {round(shares.partitions * partitions)} of {partitions}",
        ),
        ("shards", shares._replace(shards=even), f"fullest has {fullest} of {shards}"),
        (
            "streams",
            shares._replace(streams=even),
            f"{layout.stream_count} for {subtasks} subtasks",
        ),
    ]
    gain: Callable[[tuple[Kind, Shares, str]], float] = lambda each: capacity(layout, each[1])  # noqa: E731
    kind, better, text = max(candidates, key=gain)
    if capacity(layout, better) > rate * _WORTH_NAMING:
        return kind, text
    batch = batches(layout, rate)[1]
    batches_load = rate * shares.shards * costs.BATCH_US / batch / 1e6
    if batches_load > _BATCHES_SHARE_MAX:
        return "shards", f"batches of {batch:,.0f}, {batches_load:.0%} of time"
    return "cores", "all alike"


@functools.cache
def _fullest(keys: tuple[int, ...], subtasks: int) -> int:
    """Returns how many of the keys Flink gives to the subtask that has most."""
    return max(Counter(flink_keys.subtask_of(key, subtasks) for key in keys).values())


def _power_from(count: int) -> int:
    """Returns the least power of two that is not below."""
    return 1 << (count - 1).bit_length()

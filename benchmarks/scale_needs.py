"""Computes what a rate needs: subtasks, partitions, shards, streams, memory, money."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

from benchmarks import scale_costs as costs
from benchmarks import scale_model, usage
from benchmarks.scale_model import Layout
from pipeline import flink_keys

_GIB = 2**30


class Needs(NamedTuple):
    """What a sustained rate takes.

    Attributes:
        subtasks: the fewest that keep the fullest below PLANNED_LOAD; a core each. None: not even
            COUNT_MAX subtasks do, as `limit` says.
        load: of the fullest subtask, 0 to 1.
        streams_min: a table's, by bytes alone.
        restarts_per_hour: that may open all streams anew.
        quota_share: of the bytes a second that BigQuery allows the project.
        ids: that are remembered.
        usd_cpu, usd_bigquery: a month.
    """

    rate_per_sec: float
    limit: str
    subtasks: int | None
    load: float
    partitions: int
    shards: int
    batch_records: float
    streams: int
    streams_min: int
    connections: int
    restarts_per_hour: int
    bytes_per_sec: float
    quota_share: float
    ids: float
    state_bytes: tuple[float, float]
    copy_bytes: float
    usd_cpu: float
    usd_bigquery: float


def needs(rate_per_sec: float, template: Layout) -> Needs:
    """Returns what a rate takes, of jobs that are otherwise like the template."""
    found = _smallest(rate_per_sec, template)
    layout = found or dataclasses.replace(template, subtasks=flink_keys.COUNT_MAX)
    estimate = scale_model.estimate(layout)
    allowed = scale_model.bigquery_allows(layout)[0]
    bytes_per_sec = rate_per_sec * costs.ROW_BYTES
    ids = rate_per_sec * costs.HORIZON_SEC
    few, many = costs.STATE_BYTES_PER_ID
    return Needs(
        rate_per_sec,
        "" if found and rate_per_sec <= allowed else ": ".join(estimate.bottleneck),
        layout.subtasks if found else None,
        scale_model.load(layout, estimate.shares, rate_per_sec),
        layout.partition_count,
        layout.shard_count,
        scale_model.batches(layout, rate_per_sec)[1],
        layout.stream_count,
        math.ceil(bytes_per_sec / costs.STREAM_BYTES_PER_SEC),
        layout.connections,
        costs.CREATE_STREAMS_PER_HOUR // layout.connections,
        bytes_per_sec,
        bytes_per_sec / costs.QUOTAS[layout.location].bytes_per_sec,
        ids,
        (ids * few, ids * many),
        ids * costs.COPY_BYTES_PER_ID,
        usage.usd(layout.subtasks * costs.MONTH_SEC),
        usd_written(bytes_per_sec * costs.MONTH_SEC),
    )


def usd_written(written_bytes: float) -> float:
    """Returns what BigQuery asks for so many bytes written within a month."""
    return max(0.0, written_bytes / _GIB - costs.FREE_GIB_PER_MONTH) * costs.USD_PER_GIB_WRITTEN


def _smallest(rate_per_sec: float, template: Layout) -> Layout | None:
    """Returns the layout with the fewest subtasks that has room for the rate."""
    for subtasks in range(1, flink_keys.COUNT_MAX + 1):
        layout = dataclasses.replace(template, subtasks=subtasks)
        even = scale_model.Shares(1 / subtasks, 1 / subtasks, 1 / subtasks)
        # Nothing is better than even; where the keys really lie takes longer to find out.
        if scale_model.load(layout, even, rate_per_sec) > costs.PLANNED_LOAD:
            continue
        shares = scale_model.shares_of(layout)
        if scale_model.load(layout, shares, rate_per_sec) <= costs.PLANNED_LOAD:
            return layout
    return None

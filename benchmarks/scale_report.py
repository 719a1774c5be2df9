"""Prints the model's results: tables for people, and the same as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import SEPARATING_LINE, tabulate

from benchmarks import scale_costs as costs
from benchmarks import usage
from benchmarks.scale_measure import Measurements
from benchmarks.scale_model import Estimate
from benchmarks.scale_needs import Needs
from pipeline import flink_keys

_MEASURED, _COMPUTED, _CHOSEN, _LIST = "(measured)", "(computed)", "(chosen)", "(list price)"
# Rows and not headers: tabulate makes columns wider than their headers.
_HEADERS = (
    (
        "sub-",
        "shards,",
        "partitions,",
        "bundle",
        "batch",
        "us a",
        "appends,",
        "MB/s",
        "",
        "",
        "32 shards",
    ),
    (
        "tasks",
        "fullest",
        "fullest",
        "",
        "",
        "record",
        "MB",
        "",
        "records/s",
        "bottleneck",
        "from 0",
    ),
)


def subtasks_table(estimates: Sequence[Estimate], before: Sequence[Estimate]) -> str:
    """Returns a line for each number of subtasks; the last column is the old layout's rate."""
    rows = [
        (
            each.layout.subtasks,
            f"{each.layout.shard_count}, {each.fullest_shards}",
            f"{each.layout.partition_count:,}, {each.fullest_partitions}",
            f"{each.bundle_records:,.0f}",
            f"{each.batch_records:,.0f}",
            f"{each.record_us:.0f}",
            f"{each.appends_per_sec:,.0f}, {each.append_bytes / costs.MB:.1f}",
            f"{each.bytes_per_sec / costs.MB:,.1f}",
            f"{each.rate_per_sec:,.0f}",
            ": ".join(each.bottleneck),
            f"{old.rate_per_sec:,.0f}",
        )
        for each, old in zip(estimates, before, strict=True)
    ]
    align = (*["right"] * 9, "left", "right")
    return tabulate(
        [*_HEADERS, SEPARATING_LINE, *rows], disable_numparse=True, colalign=align, tablefmt="plain"
    )


def needs_table(found: Sequence[Needs], end_to_end: float) -> str:
    """Returns a column for each rate, and how its figures came about."""
    rows = [(name, *cells, how) for name, cells, how in _needs_rows(found, end_to_end)]
    headers = ("", *(f"{each.rate_per_sec:,.0f}/s" for each in found), "")
    align = ("left", *["right"] * len(found), "left")
    return tabulate(rows, headers=headers, disable_numparse=True, colalign=align)


def _needs_rows(found: Sequence[Needs], end_to_end: float) -> list[tuple[str, list[str], str]]:
    def cells(form: Any) -> list[str]:
        return [form(each) for each in found]

    low, high = costs.STATE_BYTES_PER_ID
    full = f"{costs.PLANNED_LOAD:.0%}"
    return [
        (
            "subtasks = cores",
            cells(lambda each: f"{each.subtasks or 'over 512'}"),
            f"{end_to_end:g} CPU s a million {_MEASURED}, {full} busy at most {_COMPUTED}",
        ),
        ("fullest core", cells(lambda each: f"{each.load:.0%}"), f"busy {_COMPUTED}"),
        (
            "partitions",
            cells(lambda each: f"{each.partitions:,}"),
            f"{costs.PARTITIONS_PER_SUBTASK} a subtask, or as --partitions says {_CHOSEN}",
        ),
        ("shards", cells(lambda each: f"{each.shards:,}"), f"as the pipeline chooses {_COMPUTED}"),
        ("records a batch", cells(lambda each: f"{each.batch_records:,.0f}"), _COMPUTED),
        (
            "streams a table",
            cells(lambda each: f"{each.streams:,} (>= {each.streams_min})"),
            f"{_COMPUTED}; in brackets by 10 MB/s a stream",
        ),
        (
            "connections",
            cells(lambda each: f"{each.connections:,}"),
            f"streams x {costs.TABLES_WRITTEN} tables {_COMPUTED}",
        ),
        (
            "restarts an hour",
            cells(lambda each: f"{each.restarts_per_hour:,}"),
            f"that open all streams anew, by quota {_COMPUTED}",
        ),
        (
            "BigQuery, MB/s",
            cells(lambda each: f"{each.bytes_per_sec / costs.MB:,.1f}"),
            f"{costs.ROW_BYTES:g} bytes a row {_MEASURED} x rate {_COMPUTED}",
        ),
        ("of its quota", cells(lambda each: f"{each.quota_share:.0%}"), f"of MB/s {_COMPUTED}"),
        (
            "ids, millions",
            cells(lambda each: f"{each.ids / 1e6:,.0f}"),
            f"rate x {costs.HORIZON_SEC:,} s {_COMPUTED}",
        ),
        (
            "state, GB",
            cells(lambda e: f"{e.state_bytes[0] / 1e9:,.1f} to {e.state_bytes[1] / 1e9:,.1f}"),
            f"{low:g} to {high:g} bytes an id {_MEASURED} x ids {_COMPUTED}",
        ),
        (
            "workers' copies, GB",
            cells(lambda each: f"{each.copy_bytes / 1e9:,.1f}"),
            f"{costs.COPY_BYTES_PER_ID:g} bytes an id {_MEASURED} x ids {_COMPUTED}",
        ),
        (
            "copy a subtask, GB",
            cells(lambda each: f"{each.copy_bytes / 1e9 / (each.subtasks or 512):,.2f}"),
            f"{_COMPUTED}",
        ),
        (
            "$ a month, CPU",
            cells(lambda each: f"{each.usd_cpu:,.0f}"),
            f"cores x 730 h x ${usage.USD_PER_VCPU_HOUR} {_LIST} {_COMPUTED}",
        ),
        (
            "$ a month, BigQuery",
            cells(lambda each: f"{each.usd_bigquery:,.0f}"),
            f"GiB beyond 2 TiB x ${costs.USD_PER_GIB_WRITTEN} {_LIST} {_COMPUTED}",
        ),
        ("in the way", cells(lambda each: each.limit or "-"), _COMPUTED),
    ]


def costs_table(measured: Measurements | None) -> str:
    """Returns what each cost is, and what was measured just now beside it."""
    known = {name: step.cpu_us for name, step in costs.STEPS.items()}
    rows: list[tuple[str, ...]] = [
        (name, f"{known[name]:.2f}", _now(measured, name), f"{step.meaning}, by {step.place}")
        for name, step in costs.STEPS.items()
    ]
    batch = "-" if measured is None else f"{measured.per_batch_us:.0f}"
    sizes = [
        ("bytes a record", costs.RECORD_BYTES, measured and measured.record_bytes),
        ("bytes a row", costs.ROW_BYTES, measured and measured.row_bytes),
    ]
    rows.append(
        ("a batch", f"{costs.BATCH_PYTHON_US:.0f}", batch, f"Python's own, of {costs.BATCH_US:g}")
    )
    rows += [
        (name, f"{was:.0f}", "-" if now is None else f"{now:.0f}", "") for name, was, now in sizes
    ]
    headers = ("us a record", "constant", "now", "")
    return tabulate(rows, headers=headers, disable_numparse=True, colalign=("left", "right"))


def _now(measured: Measurements | None, name: str) -> str:
    return "-" if measured is None else f"{measured.per_record_us[name]:.2f}"


def notes(end_to_end: float) -> str:
    """Returns what is to be known beside the tables."""
    own_us = sum(step.cpu_us for step in costs.STEPS.values())
    few, many = costs.ELEMENT_US
    rows = (
        f"Rates are (computed), from costs that are (measured): {end_to_end:g} us a record end to "
        f"end, {costs.READ_CPU_SEC_PER_MILLION:g} of them where partitions are.",
        f"The steps' own work in Python is {own_us:.0f} (measured). The rest is Flink, the data "
        "plane, Kafka's client,",
        "and the start of the run that was measured: a job that runs for days needs less.",
        f"A batch takes {costs.BATCH_US:g} us beside its records (computed from two measured "
        f"rates); deduplication alone {costs.BATCH_OF_IDS_US:g} (the same),",
        f"{costs.BATCH_PYTHON_US:g} of it Python's own (measured). An element on the data plane, "
        f"with its calls of state, so takes {few:.0f} to {many:.0f} us (computed).",
        f"Seen at 2 subtasks: {costs.MEASURED_RATE_AT_2:,}/s, and bundles of some "
        f"{costs.SEEN_BUNDLE_RECORDS:,} records (measured). More than 2 subtasks were never run.",
        "Not in the model: the broker, the network, accounts' memory, checkpoints, Java's heaps.",
    )
    return "\n".join(rows)


def document(
    estimates: Sequence[Estimate],
    before: Sequence[Estimate],
    found: Sequence[Needs],
    measured: Measurements | None,
) -> dict[str, Any]:
    """Returns everything for programs."""
    return {
        "costs": _costs_document(measured),
        "subtasks": [
            {**_estimate(each), "with_32_shards_from_0": _estimate(old)}
            for each, old in zip(estimates, before, strict=True)
        ],
        "needs": [{**each._asdict(), "how": "computed"} for each in found],
        "sources": list(costs.SOURCES),
    }


def _costs_document(measured: Measurements | None) -> Mapping[str, Any]:
    return {
        "end_to_end_cpu_sec_per_million": costs.END_TO_END_CPU_SEC_PER_MILLION,
        "read_cpu_sec_per_million": costs.READ_CPU_SEC_PER_MILLION,
        "append_us": costs.APPEND_US,
        "batch_us": costs.BATCH_US,
        "steps": {name: step._asdict() for name, step in costs.STEPS.items()},
        "record_bytes": costs.RECORD_BYTES,
        "row_bytes": costs.ROW_BYTES,
        "horizon_sec": costs.HORIZON_SEC,
        "key_groups": flink_keys.KEY_GROUPS,
        "quotas": {place: quota._asdict() for place, quota in costs.QUOTAS.items()},
        "request_bytes_max": costs.REQUEST_BYTES_MAX,
        "measured_now": None if measured is None else measured._asdict(),
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    layout, kind = estimate.layout, estimate.bottleneck[0]
    return {
        "subtasks": layout.subtasks,
        "partitions": layout.partition_count,
        "shards": layout.shard_count,
        "keys": layout.keys,
        "streams": layout.stream_count,
        "fullest_shards": estimate.fullest_shards,
        "fullest_partitions": estimate.fullest_partitions,
        "shares_of_fullest": estimate.shares._asdict(),
        "records_per_sec": estimate.rate_per_sec,
        "bottleneck": {"kind": kind, "why": estimate.bottleneck[1]},
        "bundle_records": estimate.bundle_records,
        "batch_records": estimate.batch_records,
        "us_per_record": estimate.record_us,
        "appends_per_sec": estimate.appends_per_sec,
        "append_bytes": estimate.append_bytes,
        "bytes_per_sec": estimate.bytes_per_sec,
    }

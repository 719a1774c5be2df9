"""The report of a load test: a table for people, and the same as JSON for programs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tabulate import tabulate

from benchmarks import usage

# Of the rate that was asked for, what must have reached Kafka: else the load was another one.
_SENT_SHARE_MIN = 0.95
# What was required: end-to-end latency under 30 s. Whoever has more to catch up fell behind.
_TAIL_SEC_MAX = 30.0


class Load(NamedTuple):
    """What is asked of the pipeline.

    Attributes:
        rate_per_sec: records per second.
        duration_sec: for so long.
        checkpoint_sec: time between checkpoints.
    """

    rate_per_sec: float
    duration_sec: int
    checkpoint_sec: float

    def text(self) -> str:
        """Returns it in a line."""
        return (
            f"{self.rate_per_sec:,.0f} records/s for {self.duration_sec} s, a checkpoint every "
            f"{self.checkpoint_sec:g} s"
        )


class Loaded(NamedTuple):
    """How it went.

    Attributes:
        sent_per_sec: what reached Kafka, without the first tenth.
        p50_sec, p95_sec, p99_sec: from event time to the first query that shows the row.
        lag_max: the most records that were in Kafka and in no table.
        tail_sec: from the last record sent until all were queryable.
        cpu_sec: of our components, from the first record on.
        state_bytes: of the newest checkpoint at the end.
        memory_bytes: the most that each component had, proportional set size.
    """

    load: Load
    records: int
    sent_per_sec: float
    p50_sec: float
    p95_sec: float
    p99_sec: float
    lag_max: int
    tail_sec: float
    cpu_sec: float
    state_bytes: int
    memory_bytes: Mapping[str, int]
    exact: bool

    @property
    def rate_reached(self) -> bool:
        """Returns whether the simulators sent what was asked for."""
        return self.sent_per_sec >= _SENT_SHARE_MIN * self.load.rate_per_sec

    @property
    def kept_up(self) -> bool:
        """Returns whether the load was what was asked for, and the pipeline did not fall behind."""
        return self.rate_reached and self.tail_sec <= _TAIL_SEC_MAX

    @property
    def cpu_sec_per_million(self) -> float:
        """Returns CPU seconds per million records."""
        return self.cpu_sec / self.records * 1e6


def line(loaded: Loaded) -> str:
    """Returns one result in one line."""
    exact = "exact" if loaded.exact else "NOT EXACT"
    if not loaded.rate_reached:
        kept_up = f"only {loaded.sent_per_sec:,.0f} records/s were sent"
    elif loaded.kept_up:
        kept_up = "kept up"
    else:
        kept_up = f"FELL BEHIND: {loaded.tail_sec:.0f} s to catch up"
    return (
        f"{loaded.records} records at {loaded.sent_per_sec:,.0f}/s, {exact}, {kept_up}; event to "
        f"queryable p50 {loaded.p50_sec:.1f} s, p95 {loaded.p95_sec:.1f} s, "
        f"p99 {loaded.p99_sec:.1f} s"
    )


def text(results: Sequence[Loaded]) -> str:
    """Returns two tables: how it went, and the memory of each component."""
    rows = [
        (
            f"{each.load.rate_per_sec:,.0f}",
            f"{each.sent_per_sec:,.0f}",
            f"{each.load.checkpoint_sec:g}",
            f"{each.p50_sec:.1f}",
            f"{each.p95_sec:.1f}",
            f"{each.p99_sec:.1f}",
            f"{each.lag_max:,}",
            f"{each.tail_sec:.0f}",
            f"{each.cpu_sec_per_million:.0f}",
            f"{each.state_bytes / 1e6:.1f}",
            "yes" if each.kept_up else "NO",
            "yes" if each.exact else "NO",
        )
        for each in results
    ]
    headers = (
        "asked/s",
        "sent/s",
        "checkpoint s",
        "p50 s",
        "p95 s",
        "p99 s",
        "lag max",
        "tail s",
        "CPU s per million",
        "state MB",
        "kept up",
        "exact",
    )
    components = sorted({name for each in results for name in each.memory_bytes})
    memory = [
        (name, *(f"{each.memory_bytes.get(name, 0) / 1e6:.0f}" for each in results))
        for name in components
    ]
    loads = [f"{each.load.rate_per_sec:,.0f}/s, {each.load.checkpoint_sec:g} s" for each in results]
    return "\n\n".join(
        (
            tabulate(rows, headers=headers, disable_numparse=True, stralign="right"),
            tabulate(memory, headers=("MB at most", *loads), disable_numparse=True),
        )
    )


def document(results: Sequence[Loaded]) -> dict[str, Any]:
    """Returns everything for programs."""
    return {
        "cores": os.cpu_count(),
        "usd_per_vcpu_hour": usage.USD_PER_VCPU_HOUR,
        "loads": [
            {
                **each._asdict(),
                "load": each.load._asdict(),
                "kept_up": each.kept_up,
                "usd_per_million": usage.usd(each.cpu_sec_per_million),
            }
            for each in results
        ],
    }

"""Contestants on the sandbox's Flink: graphs of Beam, and the pipeline as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import graphs, meter, usage
from benchmarks.stage import (
    POLL_SEC,
    STALLED_SEC,
    TUNED,
    WARM_UP_SHARE,
    Measured,
    Stage,
    rehearsal_of,
)
from harness.errors import HarnessError
from harness.progress import Watch
from harness.rehearsal import Rehearsal
from transforms.contract.outcome import Outcome


def graph_runner(name: str, graph: str, flags: Sequence[str] = ()) -> Callable[[Stage], Measured]:
    """Returns how to run one of our graphs on the sandbox's Flink."""

    def run(stage: Stage) -> Measured:
        rehearsal = rehearsal_of(stage, name)
        meters = stage.folder / "meters" / rehearsal.name
        meters.mkdir(parents=True)
        own = (f"--graph={graph}", f"--meters={meters.resolve()}")
        before = usage.cpu_sec(stage.sandbox)
        job = rehearsal.launch_on_flink([*own, *TUNED, *flags], module="benchmarks.job")
        # Beam's own deduplication drops copies: what comes out is all that there is to wait for.
        expected_out = (
            stage.traffic.distinct if graph == "beam_deduplicate" else stage.traffic.records
        )
        try:
            _wait_until_through(stage, meters, expected_out)
        finally:
            cost = usage.used(before, usage.cpu_sec(stage.sandbox))
            rehearsal.flink.cancel(job)
        out = meter.read(meters)
        share = stage.traffic.records / expected_out
        return Measured(
            name,
            stage.traffic.records,
            meter.read(meters, graphs.KEPT).total,
            stage.traffic.records if graph == "ceiling" else stage.traffic.distinct,
            out.steady_rate(WARM_UP_SHARE) * share,
            sum(cost.values()),
        )

    return run


def end_to_end(stage: Stage) -> Measured:
    """Runs the pipeline as it is, into the stand-in, and compares the books afterwards."""
    rehearsal = rehearsal_of(stage, "end_to_end")
    before = usage.cpu_sec(stage.sandbox)
    job = rehearsal.launch_on_flink(TUNED)
    try:
        reading = _follow_rows(stage, rehearsal, job)
        cost = usage.used(before, usage.cpu_sec(stage.sandbox))
        report = rehearsal.reconcile(120)
    finally:
        rehearsal.flink.cancel(job)
    if not report.balanced:
        raise HarnessError(f"end to end was not exact:\n{report.text()}")
    return Measured(
        "end to end",
        stage.traffic.records,
        report.counts.outcomes[Outcome.ACCEPTED],
        stage.traffic.distinct,
        reading.steady_rate(WARM_UP_SHARE),
        sum(cost.values()),
    )


def _wait_until_through(stage: Stage, meters: Path, expected: int) -> None:
    """Returns once so many elements have passed; raises HarnessError when none come any more."""
    last, last_at = 0, time.monotonic()
    while last < expected:
        time.sleep(POLL_SEC)
        count = meter.read(meters).total
        if count > last:
            last, last_at = count, time.monotonic()
        elif time.monotonic() - last_at > STALLED_SEC:
            raise HarnessError(f"{last} of {expected} came out, and no more for {STALLED_SEC} s")
        stage.say(f"{count:>9} of {expected}")


def _follow_rows(stage: Stage, rehearsal: Rehearsal, job: str) -> meter.Reading:
    """Returns when which rows became queryable, once all are."""
    watch = Watch(rehearsal, job)
    bundles: list[tuple[float, int]] = []
    last, last_at = 0, time.monotonic()
    try:
        while last < stage.traffic.records:
            time.sleep(POLL_SEC)
            queryable = watch.look().queryable
            if queryable > last:
                bundles.append((time.time(), queryable - last))
                last, last_at = queryable, time.monotonic()
            elif time.monotonic() - last_at > STALLED_SEC:
                raise HarnessError(
                    f"{last} rows of {stage.traffic.records}, and no more for {STALLED_SEC} s"
                )
            stage.say(f"{last:>9} of {stage.traffic.records} queryable")
    finally:
        watch.close()
    return meter.Reading(tuple(bundles))

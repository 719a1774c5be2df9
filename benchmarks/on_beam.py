"""Contestants on the sandbox's Flink: graphs of Beam, and the pipeline as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks import graphs, meter, usage
from benchmarks.stage import (
    POLL_SEC,
    STALLED_SEC,
    TUNED,
    WARM_UP_SHARE,
    Measured,
    Stage,
    e2e_run_of,
)
from harness.errors import HarnessError
from harness.progress import Watch
from transforms.payment.outcome import Outcome

# Longer than a stretch of ScoreFraud (5 s) and two checkpoints (TUNED): then no row is to come.
_QUIET_SEC = 26.0


def graph_runner(name: str, graph: str, flags: Sequence[str] = ()) -> Callable[[Stage], Measured]:
    """Returns how to run one of our graphs on the sandbox's Flink."""
    return lambda stage: run_graph(stage, name, graph, flags)[0]


def run_graph(
    stage: Stage, name: str, graph: str, flags: Sequence[str] = ()
) -> tuple[Measured, meter.Reading]:
    """Runs one of our graphs on the sandbox's Flink; returns what was measured, bundle by bundle.

    Raises:
        HarnessError: it does not come to the end of the topic.
    """
    e2e_run = e2e_run_of(stage, name)
    meters = stage.folder / "meters" / e2e_run.name
    meters.mkdir(parents=True)
    own = (f"--graph={graph}", f"--meters={meters.resolve()}")
    before = usage.cpu_sec(stage.sandbox)
    job = e2e_run.launch_on_flink([*own, *TUNED, *flags, *stage.flags], module="benchmarks.job")
    # Beam's own deduplication drops copies: what comes out is all that there is to wait for.
    expected_out = stage.traffic.distinct if graph == "beam_deduplicate" else stage.traffic.records
    try:
        _follow(stage, lambda: meter.read(meters).total, expected_out)
    finally:
        cpu_sec = usage.cpu_sec(stage.sandbox) - before
        e2e_run.flink.cancel(job)
    out = meter.read(meters)
    share = stage.traffic.records / expected_out
    measured = Measured(
        name,
        stage.traffic.records,
        meter.read(meters, graphs.KEPT).total,
        stage.traffic.records if graph == "ceiling" else stage.traffic.distinct,
        out.steady_rate(WARM_UP_SHARE) * share,
        cpu_sec,
    )
    return measured, out


def end_to_end(stage: Stage) -> Measured:
    """Runs the pipeline as it is, into the stand-in, and compares the books afterwards."""
    return run_pipeline(stage, "end to end")


def run_pipeline(
    stage: Stage,
    name: str,
    flags: Sequence[str] = (),
    module: str = "pipeline",
    besides: Sequence[int] = (),
) -> Measured:
    """Runs the pipeline, or `module` in its place, and compares the books afterwards.

    Its CPU is counted to the last row of totals and indicators, which come behind the records.

    Args:
        besides: ids of processes outside the sandbox whose CPU is the contestant's.

    Raises:
        HarnessError: it does not come to the end of the topic, or was not exact.
    """
    e2e_run = e2e_run_of(stage, name)
    before = usage.cpu_sec(stage.sandbox, besides)
    job = e2e_run.launch_on_flink([*flags, *TUNED, *stage.flags], module)
    watch = Watch(e2e_run, job)
    try:
        reading = _follow(stage, lambda: watch.look().queryable, stage.traffic.records)
        cpu_sec = _cpu_sec_at_last_derived_row(stage, watch, besides) - before
        report = e2e_run.reconcile(120)
    finally:
        watch.close()
        e2e_run.flink.cancel(job)
    if not report.balanced:
        raise HarnessError(f"{name} was not exact:\n{report.text()}")
    return Measured(
        name,
        stage.traffic.records,
        report.counts.outcomes[Outcome.ACCEPTED],
        stage.traffic.distinct,
        reading.steady_rate(WARM_UP_SHARE),
        cpu_sec,
    )


def _cpu_sec_at_last_derived_row(stage: Stage, watch: Watch, besides: Sequence[int]) -> float:
    """Returns the CPU seconds used when the last total or indicator was queryable."""
    rows, cpu_sec, changed_at = -1, 0.0, time.monotonic()
    while time.monotonic() - changed_at < _QUIET_SEC:
        used, found = usage.cpu_sec(stage.sandbox, besides), watch.derived_rows()
        if found != rows:
            rows, cpu_sec, changed_at = found, used, time.monotonic()
        time.sleep(POLL_SEC)
    return cpu_sec


def _follow(stage: Stage, look: Callable[[], int], expected: int) -> meter.Reading:
    """Returns when how much had come out, once all has, as `look` says again and again.

    Raises:
        HarnessError: no more comes.
    """
    bundles: list[tuple[float, int]] = []
    last, last_at = 0, time.monotonic()
    while last < expected:
        time.sleep(POLL_SEC)
        count = look()
        if count > last:
            bundles.append((time.time(), count - last))
            last, last_at = count, time.monotonic()
        elif time.monotonic() - last_at > STALLED_SEC:
            raise HarnessError(f"{last} of {expected} came out, and no more for {STALLED_SEC} s")
        stage.say(f"{last:>9} of {expected}")
    return meter.Reading(tuple(bundles))

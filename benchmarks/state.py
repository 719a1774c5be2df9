"""Measures the cost of remembering: bytes per id, a flat line past the horizon, speed at scale.

    make bench-state                            all parts, about 35 minutes
    make bench-state ONLY=flat                  an hour at 10,000 a minute, in six minutes
    make bench-state ONLY=full IDS=2000000      is it slower with many ids than with none?
    make bench-state ONLY=copy                  memory of a worker that knows an hour's ids

flat: an hour's ids, 600,000, in a horizon of two minutes instead; as many are forgotten then as
come. full: a topic of so many ids, none forgotten; the rate of its last tenth is compared with that
of another topic, a tenth as long. Both run the deduplication alone, as `make bench` does. copy
needs no sandbox.

Exit code: 0 when all was exact and the line flat, 1 when not, 2 for a mistake in the flags, 3 when
a part failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import graphs, meter, results, state_report, traffic, usage, worker_copy
from benchmarks.on_beam import run_graph
from benchmarks.stage import TUNED, WARM_UP_SHARE, Measured, Stage, own_sandbox
from benchmarks.state_report import Copied, Costs, Flat, Full, Sample
from benchmarks.traffic import DUPLICATE_RATIO
from harness import command_line
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.exit_codes import exit_code
from sandbox.sandbox import Sandbox

_PARTS = {
    "flat": "an hour's ids in a horizon of two minutes: the line must be flat afterwards",
    "full": "the rate with --ids remembered ids against the rate with none",
    "copy": "how much memory a worker's copy of an hour's ids takes, without a job",
}
_HOUR_IDS = 600_000  # what was required: 10,000 a minute for an hour
_RATE_PER_SEC = 5_000
_HORIZON_SEC = _HOUR_IDS // _RATE_PER_SEC
_SKEW_SEC = 30
_HORIZONS = 3
_SAMPLE_SEC = 5.0
_TAIL_SEC = 180


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the measurement."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    folder = Path(arguments.dir) / "state"
    parts = list(_PARTS) if arguments.only is None else [arguments.only]
    costs = Costs()
    if "copy" in parts:
        costs.copy = Copied(_HOUR_IDS, worker_copy.bytes_for(_HOUR_IDS))
        _say(state_report.copy_line(costs.copy))
    if {"flat", "full"} & set(parts):
        with own_sandbox(arguments.dir, _say) as sandbox:
            if "flat" in parts:
                costs.flat = _flat(sandbox, folder, arguments.seed)
                _say(state_report.flat_line(costs.flat))
            if "full" in parts:
                costs.full = _full(sandbox, folder, arguments.ids, arguments.seed)
                _say(state_report.full_line(costs.full))
    _say(f"results in {results.write('state', state_report.document(costs))}")
    print(state_report.text(costs), flush=True)
    return 0 if costs.well else 1


def _flat(sandbox: Sandbox, folder: Path, seed: int) -> Flat:
    e2e_run = E2ERun(f"flat_{time.strftime('%H%M%S')}", sandbox.endpoints(), folder)
    e2e_run.prepare()
    meters = folder / "meters" / e2e_run.name
    meters.mkdir(parents=True)
    job = e2e_run.submit_to_flink(
        [
            "--graph=deduplicate",
            f"--meters={meters.resolve()}",
            f"--allowed_lateness_sec={_HORIZON_SEC - _SKEW_SEC}",
            f"--clock_skew_sec={_SKEW_SEC}",
            *TUNED,
        ],
        module="benchmarks.job",
    )
    samples: list[Sample] = []
    records = _HORIZONS * _HOUR_IDS
    try:
        _say(f"{_RATE_PER_SEC} records/s, a horizon of {_HORIZON_SEC} s")
        simulator = e2e_run.simulate(
            [
                f"--rate_per_sec={_RATE_PER_SEC}",
                f"--count={records}",
                f"--duplicate_ratio={DUPLICATE_RATIO}",
                f"--seed={seed}",
            ]
        )
        began_at = time.monotonic()
        until: float | None = None
        while (read := meter.read(meters).total) < records:
            if until is None and not simulator.running():
                simulator.wait(0)
                until = time.monotonic() + _TAIL_SEC
            if until is not None and time.monotonic() > until:
                raise HarnessError(f"{read} of {records} came out within {_TAIL_SEC} s of the last")
            memory = usage.memory_bytes(sandbox)
            samples.append(
                Sample(
                    time.monotonic() - began_at,
                    e2e_run.flink.counter(job, "transactions_accepted")
                    - e2e_run.flink.counter(job, "ids_forgotten"),
                    e2e_run.flink.checkpoints(job).state_bytes,
                    sum(memory[name] for name in usage.WITH_STATE),
                )
            )
            _say(state_report.sample_line(samples[-1]))
            time.sleep(_SAMPLE_SEC)
        simulator.wait(60)
    finally:
        e2e_run.flink.cancel(job)
    kept = meter.read(meters, graphs.KEPT).total
    return Flat(_HORIZON_SEC, records, kept, traffic.distinct(e2e_run), tuple(samples))


def _full(sandbox: Sandbox, folder: Path, ids: int, seed: int) -> Full:
    """Many ids first: whoever has few is measured by a Java that is as warm, or warmer."""
    many, full = _run_over(sandbox, folder, "full", ids, seed)
    few, empty = _run_over(sandbox, folder, "empty", ids // 10, seed + 1)
    return Full(
        ids=ids,
        full_per_sec=full.rate_between(0.9, 1.0),
        empty_per_sec=empty.rate_between(WARM_UP_SHARE, 1.0),
        exact=many.exact and few.exact,
    )


def _run_over(
    sandbox: Sandbox, folder: Path, name: str, records: int, seed: int
) -> tuple[Measured, meter.Reading]:
    _say(f"{name}: sending {records} records")
    topic = E2ERun(f"{name}_{time.strftime('%H%M%S')}", sandbox.endpoints(), folder)
    stage = Stage(sandbox, folder, traffic.fill(topic, records, seed), _say)
    return run_graph(stage, name, "deduplicate")


def _say(text: str) -> None:
    print(f"state: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("python -m benchmarks.state", __doc__, "parts", _PARTS)
    parser.add_argument("--only", choices=list(_PARTS), metavar="NAME")
    parser.add_argument("--ids", type=int, default=10_000_000, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--dir", default=".bench", help="folder of a sandbox of its own")
    return parser


if __name__ == "__main__":
    sys.exit(main())

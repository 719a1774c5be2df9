"""The load test: payments at a given rate; reports whether the pipeline keeps up, and how fresh.

    make load RATE=10000 DURATION_SEC=120
    make load RATE=167                          10,000 a minute

Several simulators send to one topic; rates and latencies are measured in Kafka and in BigQuery, not
asked of those who are measured. Exit code: 0 when all is exact and the pipeline kept up, 1 when
not, 2 for a mistake in the flags, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import load_report, results, usage
from benchmarks.latencies import Lookout
from benchmarks.load_report import Load, Loaded
from benchmarks.meter import Reading
from benchmarks.stage import STALLED_SEC, own_sandbox
from benchmarks.traffic import DUPLICATE_RATIO
from harness import command_line
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.exit_codes import exit_code
from harness.programs import Program
from harness.progress import Watch
from sandbox.sandbox import Sandbox

# What one simulator sends while everything else has the cores as well.
_PER_SIMULATOR = 5_000
_LOOK_SEC = 0.5
_WATCH_SEC = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the load test."""
    arguments = _parser().parse_args(argv)
    loads = [
        Load(rate, arguments.duration_sec, checkpoint_sec)
        for rate in arguments.rate_per_sec
        for checkpoint_sec in arguments.checkpoint_sec
    ]
    return exit_code(lambda: _run(arguments, loads))


def _run(arguments: argparse.Namespace, loads: Sequence[Load]) -> int:
    loaded: list[Loaded] = []
    with own_sandbox(arguments.dir, _say) as sandbox:
        for load in loads:
            _say(load.text())
            loaded.append(_one(sandbox, Path(arguments.dir) / "load", load, arguments))
            _say(load_report.line(loaded[-1]))
    print(load_report.text(loaded), flush=True)
    _say(f"results in {results.write('load', load_report.document(loaded))}")
    return 0 if all(each.exact and each.kept_up for each in loaded) else 1


def _one(sandbox: Sandbox, folder: Path, load: Load, arguments: argparse.Namespace) -> Loaded:
    name = f"load_{time.strftime('%H%M%S')}"
    e2e_run = E2ERun(name, sandbox.endpoints(), folder)
    e2e_run.prepare()
    job = e2e_run.submit_to_flink(
        [
            f"--checkpointing_interval={round(load.checkpoint_sec * 1_000)}",
            *arguments.pipeline_flags,
        ]
    )
    before_sec = usage.cpu_sec(sandbox)
    watch = Watch(e2e_run, job)
    try:
        with _sending(e2e_run, load, arguments.seed) as simulators:
            course = _Course(sandbox, e2e_run, watch)
            course.follow(simulators)
        cpu_sec = usage.cpu_sec(sandbox) - before_sec
        state_bytes = e2e_run.flink.checkpoints(job).state_bytes
        report = e2e_run.reconcile(120, _say)
    finally:
        watch.close()
        e2e_run.flink.cancel(job)
    latencies = course.lookout.latencies
    return Loaded(
        load,
        records=course.records,
        sent_per_sec=Reading(tuple(course.sent)).steady_rate(0.1),
        p50_sec=latencies.percentile(50),
        p95_sec=latencies.percentile(95),
        p99_sec=latencies.percentile(99),
        lag_max=course.lag_max,
        tail_sec=course.tail_sec,
        cpu_sec=cpu_sec,
        state_bytes=state_bytes,
        memory_bytes=course.memory_bytes,
        exact=report.balanced,
    )


@contextmanager
def _sending(e2e_run: E2ERun, load: Load, seed: int) -> Iterator[list[Program]]:
    count = max(1, round(load.rate_per_sec / _PER_SIMULATOR))
    simulators: list[Program] = []
    try:
        for number in range(count):
            flags = [
                f"--rate_per_sec={load.rate_per_sec / count}",
                f"--duration_sec={load.duration_sec}",
                f"--duplicate_ratio={DUPLICATE_RATIO}",
                f"--seed={seed * 1_000 + number}",
            ]
            simulators.append(e2e_run.simulate(flags, part=f".{number}"))
        yield simulators
    finally:
        for simulator in simulators:
            simulator.stop()


class _Course:
    """What happens from the first record until all are queryable."""

    def __init__(self, sandbox: Sandbox, e2e_run: E2ERun, watch: Watch) -> None:
        self._sandbox = sandbox
        self._watch = watch
        self.lookout = Lookout(e2e_run)
        self.sent: list[tuple[float, int]] = []  # when how many more were in Kafka
        self.records = 0
        self.lag_max = 0
        self.tail_sec = 0.0
        self.memory_bytes: dict[str, int] = {}

    def follow(self, simulators: Sequence[Program]) -> None:
        """Returns when all that was sent is queryable.

        Raises:
            HarnessError: a simulator failed, or no more rows come.
        """
        sent_at: float | None = None
        queryable, moved_at, watched_at = 0, time.monotonic(), 0.0
        while True:
            self.lookout.look()
            if sent_at is None and not any(each.running() for each in simulators):
                for each in simulators:
                    each.wait(0)
                sent_at = time.monotonic()
            now = time.monotonic()
            if now - watched_at >= (_WATCH_SEC if sent_at is None else _LOOK_SEC):
                watched_at = now
                before, queryable = queryable, self._watch_once()
                moved_at = now if queryable > before else moved_at
                if sent_at is not None and queryable >= self.records:
                    self.tail_sec = now - sent_at
                    return
            if now - moved_at > STALLED_SEC:
                raise HarnessError(
                    f"{queryable} of {self.records} records are queryable, and no more for "
                    f"{STALLED_SEC} s"
                )
            time.sleep(_LOOK_SEC)

    def _watch_once(self) -> int:
        snapshot = self._watch.look()
        if new := snapshot.read_from - self.records:
            self.sent.append((time.time(), new))
            self.records = snapshot.read_from
        self.lag_max = max(self.lag_max, snapshot.read_from - snapshot.queryable)
        for name, size in usage.memory_bytes(self._sandbox).items():
            self.memory_bytes[name] = max(size, self.memory_bytes.get(name, 0))
        _say(snapshot.line())
        return snapshot.queryable


def _say(text: str) -> None:
    print(f"load: {text}", file=sys.stderr, flush=True)


def _numbers(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if not all(0 < value < float("inf") for value in values):
        raise argparse.ArgumentTypeError(f"must be numbers above 0, got {text!r}")
    return values


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("python -m benchmarks.load", __doc__)
    parser.add_argument(
        "--rate_per_sec",
        type=_numbers,
        default=[10_000.0],
        metavar="N[,N]",
        help="records per second; several are measured one after the other (default: 10000)",
    )
    parser.add_argument("--duration_sec", type=int, default=120, help="(default: %(default)s)")
    parser.add_argument(
        "--checkpoint_sec",
        type=_numbers,
        default=[5.0],
        metavar="SEC[,SEC]",
        help="time between checkpoints, of which rows become queryable; several as well "
        "(default: 5)",
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--dir", default=".bench", help="folder of a sandbox of its own")
    command_line.add_pipeline_flags(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())

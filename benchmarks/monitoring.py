"""Measures the CPU of `payments exporter`, and of Flink's reporter, while a job works.

    python -m benchmarks.monitoring --rate_per_sec=500 --duration_sec=150

The exporter is a process of its own. The reporter answers Prometheus in threads of its own name
inside each of Flink's processes, so their CPU is read thread by thread, and nothing of the job is
in it. The exporter asks as it ships: every 15 s, the tables once a minute. The sandbox's Prometheus
scrapes every 5 s, three times as often as deploy/k8s.

Exit code: 0 when both together are below 2 % of a core, 1 when not, 3 when a part failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from harness import command_line
from harness.e2e_run import E2ERun
from harness.exit_codes import exit_code
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox

GOAL = 0.02
_THREAD = "prometheus-http"  # as the kernel has it: fifteen letters
_FLINK = ("jobmanager", *TASK_MANAGERS)
_SETTLED_SEC = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the measurement."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    sandbox = Sandbox(arguments.dir)
    was_up = sandbox.is_up()  # whoever brought it up before us takes it down
    sandbox.up(monitored=True)
    try:
        shares = _measured(sandbox, arguments)
    finally:
        if not was_up:
            sandbox.down()
    for name, share in shares.items():
        print(f"{name:<28}{share:8.2%} of a core")
    total = sum(shares.values())
    print(f"{'together':<28}{total:8.2%} of a core; the goal is below {GOAL:.0%}")
    return 0 if total < GOAL else 1


def _measured(sandbox: Sandbox, arguments: argparse.Namespace) -> dict[str, float]:
    """Returns the share of a core that each took while the job worked."""
    e2e_run = E2ERun(
        f"monitoring_{time.strftime('%H%M%S')}", sandbox.endpoints(), Path(arguments.dir) / "cost"
    )
    e2e_run.prepare()
    sandbox.watch(e2e_run.name, e2e_run.name, as_shipped=True)
    job = e2e_run.submit_to_flink(timeout_sec=300)
    length_sec = arguments.duration_sec + _SETTLED_SEC
    sender = e2e_run.simulate(
        [f"--rate_per_sec={arguments.rate_per_sec}", f"--duration_sec={length_sec}"]
    )
    try:
        time.sleep(_SETTLED_SEC)
        before, began_at = _seconds(sandbox), time.monotonic()
        time.sleep(arguments.duration_sec)  # this wait is the measurement
        after, took_sec = _seconds(sandbox), time.monotonic() - began_at
    finally:
        sender.stop()
        e2e_run.flink.cancel(job)
    return {name: (after[name] - before[name]) / took_sec for name in after}


def _seconds(sandbox: Sandbox) -> dict[str, float]:
    """Returns the CPU seconds so far."""
    pids = sandbox.pids()
    exporter = psutil.Process(pids["exporter"]).cpu_times()
    found = {"exporter": exporter.user + exporter.system}
    for name in _FLINK:
        found[f"reporter of {name}"] = _of_threads(pids[name])
    return found


def _of_threads(pid: int) -> float:
    """Returns the CPU seconds of the threads that answer Prometheus."""
    named = {
        int(task.name)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if (task / "comm").read_text().startswith(_THREAD)
    }
    threads = psutil.Process(pid).threads()
    return sum(each.user_time + each.system_time for each in threads if each.id in named)


def _parser() -> argparse.ArgumentParser:
    parser = command_line.parser("python -m benchmarks.monitoring", __doc__)
    parser.add_argument("--rate_per_sec", type=float, default=500, help="(default: %(default)s)")
    parser.add_argument("--duration_sec", type=float, default=150, help="(default: %(default)s)")
    parser.add_argument("--dir", default=".sandbox", help="the sandbox's folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What does a run cost? CPU of the processes that do the work, and money by a formula."""

from __future__ import annotations

import psutil

from sandbox.sandbox import Sandbox

# Whose work is the pipeline's. Kafka, BigQuery and the simulator are somebody else's bill.
_OURS = ("taskmanager-1", "taskmanager-2", "jobmanager", "expansion", "python-workers")

# US dollars for an hour of one vCPU of a Dataflow streaming worker, us-central1, list price.
USD_PER_VCPU_HOUR = 0.069


def cpu_sec(sandbox: Sandbox) -> float:
    """Returns the CPU seconds that our components have used since they started, with workers."""
    pids = sandbox.pids()
    return sum(_family_cpu_sec(pids[name]) for name in _OURS)


def usd(cpu_seconds: float) -> float:
    """Returns what so much CPU costs: seconds / 3600 x the price of a vCPU hour."""
    return cpu_seconds / 3_600 * USD_PER_VCPU_HOUR


def _family_cpu_sec(pid: int) -> float:
    total = 0.0
    process = psutil.Process(pid)
    for member in (process, *process.children(recursive=True)):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # Workers that have ended are counted by whoever collected them.
        total += times.user + times.system + times.children_user + times.children_system
    return float(total)

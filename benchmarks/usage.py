"""Measures the cost of a run: CPU of the processes that do the work, and money by a formula."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import psutil

from sandbox.sandbox import Sandbox

# Whose work is the pipeline's. Kafka, BigQuery and the simulator are somebody else's bill.
_OURS = ("taskmanager-1", "taskmanager-2", "jobmanager", "expansion", "python-workers")

# Where ids are remembered: state itself, and the workers' copies of it.
WITH_STATE = ("taskmanager-1", "taskmanager-2", "python-workers")

# US dollars for an hour of one vCPU of a Dataflow streaming worker, us-central1, list price.
USD_PER_VCPU_HOUR = 0.069


def cpu_sec(sandbox: Sandbox, besides: Iterable[int] = ()) -> float:
    """Returns the CPU seconds that our components have used since they started, with workers.

    `besides` are the ids of other processes that work for the contestant.
    """
    pids = sandbox.pids()
    return sum(_family_cpu_sec(pid) for pid in (*(pids[name] for name in _OURS), *besides))


def memory_bytes(sandbox: Sandbox) -> dict[str, int]:
    """Returns how much memory each component has, with its children; shared pages count once.

    Proportional set size: what several processes share is divided between them.
    """
    return {name: _family_pss(pid) for name, pid in sandbox.pids().items()}


def usd(cpu_seconds: float) -> float:
    """Returns what so much CPU costs: seconds / 3600 x the price of a vCPU hour."""
    return cpu_seconds / 3_600 * USD_PER_VCPU_HOUR


def _family(pid: int) -> tuple[psutil.Process, ...]:
    process = psutil.Process(pid)
    return (process, *process.children(recursive=True))


def _family_pss(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for member in _family(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.memory_full_info().pss
    return total


def _family_cpu_sec(pid: int) -> float:
    total = 0.0
    for member in _family(pid):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # Workers that have ended are counted by whoever collected them.
        total += times.user + times.system + times.children_user + times.children_system
    return float(total)

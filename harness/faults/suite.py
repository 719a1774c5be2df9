"""Proves that a fault is harmless: load around it, then the whole topic is compared."""

from __future__ import annotations

import concurrent.futures
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.faults import standstill
from harness.faults.catalogue import Fault
from harness.faults.contracts import Contracts, prepared
from harness.faults.fault_context import FaultContext, Stage
from harness.faults.pace import MIX, Pace, traffic
from harness.faults.schedule import Group
from harness.waits import SELDOM_CHECKPOINTS, kill_until_rows_double
from operations.reconcile.report import Report
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox

# Longer than any number of kills takes: they must meet rows that are on their way.
_CONTROL_LOAD_SEC = 600
# Kafka, Flink and the workers may all have to come back, one after the other.
_RECOVERY_SEC = 400
_TAIL_SEC = 240
# The books wait for the totals by minute longest.
_FRESH_TOTALS = "--totals_every_sec=2"
# No checkpoint, however long a start takes: the fault asks for them when it has killed for the last
# time. Flink counts from the start of the job, not of its tasks.
_NEVER_MS = 24 * 3_600_000
_YOUNG = (
    _FRESH_TOTALS,
    f"--checkpointing_interval={_NEVER_MS}",
    f"--min_pause_between_checkpoints={_NEVER_MS}",
)


class Result(NamedTuple):
    """What one fault, or several at a time, did.

    Attributes:
        seed: from which its moments and payments were drawn.
        at_sec: when it came, seconds after the load began.
        recovery_sec: from its end until a checkpoint completed with every task running.
        lost, doubled: records, of the whole topic so far, beyond those of earlier faults.
        skipped: records beyond those of earlier faults, a job of its own included; None when no
            contract skips any.
        report: the reconciliation after it.
    """

    seed: int
    faults: tuple[str, ...]
    at_sec: float
    recovery_sec: float
    lost: int
    doubled: int
    report: Report
    skipped: int | None = None

    @property
    def name(self) -> str:
        """Returns what was injected, in words."""
        return " + ".join(self.faults)


class Controls(NamedTuple):
    """How many rows stand twice where something is left out on purpose: each must be above 0."""

    without_stable_input: int
    at_least_once: int


class Course(NamedTuple):
    """What decides a run of the suite, besides its faults."""

    seed: int
    pace: Pace
    contracts: Contracts = Contracts()


class Suite:
    """One topic, one job, one fault after another."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, course: Course, say: Callable[[str], None]
    ) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._seed, self._pace, self._contracts = course
        self._say = say

    def run(self, groups: Sequence[Group]) -> Iterator[Result]:
        """Yields the result of each group as soon as it is known."""
        stage: Stage | None = None
        lost = doubled = 0
        try:
            for number, group in enumerate(groups):
                if group[0].young_job:
                    yield self._on_young_job(group, number)
                    continue
                if stage is None:
                    e2e_run = self._e2e_run("faults", self._contracts.shared)
                    stage = self._stage(e2e_run, e2e_run.submit_to_flink([_FRESH_TOTALS]))
                result = self._one(stage, group, number)
                yield result._replace(lost=result.lost - lost, doubled=result.doubled - doubled)
                lost, doubled = result.lost, result.doubled
        except HarnessError:
            if self._sandbox.is_up():
                standstill.write_down(self._sandbox, self._folder / "threads")
            raise
        finally:
            # A power cut may have ended in the dark: then that is the error to tell.
            if stage is not None and self._sandbox.is_up():
                stage.e2e_run.flink.cancel(stage.job)

    def controls(self) -> Controls:
        """Returns what the same faults do to a pipeline without what protects it."""
        return Controls(self._without_stable_input(), self._at_least_once())

    def _without_stable_input(self) -> int:
        """Kills a job whose flush does not wait for checkpoints."""
        e2e_run = self._e2e_run("without_stable_input", self._contracts.shared)
        job = e2e_run.submit_to_flink(SELDOM_CHECKPOINTS, module="harness.without_stable_input")
        try:
            context = self._context(self._stage(e2e_run, job), 0, "control")
            simulator = e2e_run.simulate(traffic(self._seed, _CONTROL_LOAD_SEC))
            kill_until_rows_double(e2e_run, job, lambda: context.kill(*TASK_MANAGERS), _TAIL_SEC)
            simulator.stop()
            return e2e_run.reconcile(_TAIL_SEC).double
        finally:
            e2e_run.flink.cancel(job)

    def _at_least_once(self) -> int:
        """Loses answers to a sink that appends without offsets."""
        e2e_run = self._e2e_run("at_least_once", self._contracts.shared)
        e2e_run.simulate([*MIX, "--rate_per_sec=0", "--count=1000"]).wait(60)
        context = self._context(self._stage(e2e_run, "DirectRunner"), 0, "control")
        with context.bigquery_faults(drop_after_append_every=2):
            e2e_run.run_direct(module="harness.at_least_once")
        return e2e_run.reconcile(0).double

    def _on_young_job(self, group: Group, number: int) -> Result:
        e2e_run = self._e2e_run(f"young_{number}", self._contracts.own)
        job = e2e_run.launch_on_flink(_YOUNG)
        stage = self._stage(e2e_run, job)
        try:
            return self._one(stage, group, number)
        finally:
            stage.over.set()
            e2e_run.flink.cancel(job)

    def _one(self, stage: Stage, group: Group, number: int) -> Result:
        # A sender of its own for each: the same seed would send the same ids again.
        seed = self._seed * 10_000 + number * 10
        contexts = [self._context(stage, seed + n, f.name) for n, f in enumerate(group, start=1)]
        lasts_sec = max(fault.lasts(self._pace) for fault in group)
        flags = traffic(seed, self._pace.load + lasts_sec)
        stage.senders.append(stage.e2e_run.simulate(flags, part=f".{seed}"))
        begun_at = time.monotonic()
        waits = [
            self._moment(fault, context) for fault, context in zip(group, contexts, strict=True)
        ]
        with concurrent.futures.ThreadPoolExecutor(len(group)) as pool:
            running = [
                pool.submit(_inject, fault, context, begun_at + moment)
                for fault, context, moment in zip(group, contexts, waits, strict=True)
            ]
            for injected in running:
                injected.result()
        over_at = time.monotonic()
        stage.e2e_run.flink.wait_for_checkpoint(stage.job, _RECOVERY_SEC)
        recovery_sec = time.monotonic() - over_at
        while stage.senders:
            stage.senders.pop().wait(_RECOVERY_SEC)
        report = stage.e2e_run.reconcile(_TAIL_SEC)
        stage.skipped.add(stage.e2e_run, report)
        return Result(
            self._seed,
            tuple(fault.name for fault in group),
            min(waits),
            recovery_sec,
            report.missing,
            report.double,
            report,
            stage.skipped.since_last(),
        )

    def _moment(self, fault: Fault, context: FaultContext) -> float:
        if fault.young_job:
            return 0.0  # it finds its moments itself, and later ones would be too late
        return context.rng.uniform(self._pace.earliest, self._pace.latest)

    def _e2e_run(self, name: str, contract: str | None) -> E2ERun:
        e2e_run = E2ERun(
            f"{name}_{self._seed}_{time.strftime('%H%M%S')}",
            self._sandbox.endpoints(),
            self._folder,
        )
        return prepared(e2e_run, self._sandbox, contract)

    def _stage(self, e2e_run: E2ERun, job: str) -> Stage:
        return Stage(self._sandbox, e2e_run, job, self._pace, self._say, self._contracts)

    def _context(self, stage: Stage, seed: int, name: str) -> FaultContext:
        return FaultContext(stage, seed, random.Random(f"{seed}:{name}"))


def _inject(fault: Fault, context: FaultContext, at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))
    fault.inject(context)

"""How is a fault proven harmless? Load around it, then the whole topic compared."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.faults.catalogue import Fault
from harness.faults.scene import Scene
from harness.moments import SELDOM_CHECKPOINTS, kill_until_rows_double
from harness.rehearsal import Rehearsal
from pipeline.reconciliation.report import Report
from sandbox.sandbox import Sandbox

# Every outcome, at a rate that two cores hold while half of them recovers.
_RATE_PER_SEC = 200
_LOAD_SEC = 20
_MIX = (
    f"--rate_per_sec={_RATE_PER_SEC}",
    f"--duration_sec={_LOAD_SEC}",
    "--duplicate_ratio=0.02",
    "--conflict_ratio=0.01",
    "--late_ratio=0.01",
    "--invalid_ratio=0.01",
)
# Longer than any number of kills takes: they must meet rows that are on their way.
_CONTROL_LOAD_SEC = 600
# The fault comes when the load has settled and before it ends.
_EARLIEST_SEC, _LATEST_SEC = 3.0, 12.0
# Kafka, Flink and the workers may all have to come back, one after the other.
_RECOVERY_SEC = 240
_TAIL_SEC = 240


class Result(NamedTuple):
    """What one fault did.

    Attributes:
        at_sec: when it came, seconds after the load began.
        recovery_sec: from then until a checkpoint completed with every task running.
        lost, doubled: records, of the whole topic so far, beyond those of earlier faults.
        report: the reconciliation after it.
    """

    fault: str
    at_sec: float
    recovery_sec: float
    lost: int
    doubled: int
    report: Report


class Suite:
    """One topic, one job, one fault after another."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, seed: int, say: Callable[[str], None]
    ) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._seed = seed
        self._say = say

    def run(self, faults: Sequence[Fault]) -> Iterator[Result]:
        """Yields the result of each fault as soon as it is known."""
        rehearsal = self._rehearsal("faults")
        job = rehearsal.submit_to_flink()
        try:
            lost = doubled = 0
            for number, fault in enumerate(faults):
                result = self._one(rehearsal, job, fault, number)
                yield result._replace(lost=result.lost - lost, doubled=result.doubled - doubled)
                lost, doubled = result.lost, result.doubled
        finally:
            rehearsal.flink.cancel(job)

    def control(self) -> int:
        """Returns how many rows a kill doubles when the sink is left as Beam makes it."""
        rehearsal = self._rehearsal("control")
        job = rehearsal.submit_to_flink(SELDOM_CHECKPOINTS, module="harness.without_mend")
        try:
            scene = self._scene(rehearsal, job, "control")
            simulator = rehearsal.simulate([*_MIX, f"--duration_sec={_CONTROL_LOAD_SEC}"])
            kill_until_rows_double(
                rehearsal, job, lambda: scene.kill("taskmanager-1", "taskmanager-2"), _TAIL_SEC
            )
            simulator.stop()
            return rehearsal.reconcile(_TAIL_SEC).double
        finally:
            rehearsal.flink.cancel(job)

    def _one(self, rehearsal: Rehearsal, job: str, fault: Fault, number: int) -> Result:
        scene = self._scene(rehearsal, job, f"{number}:{fault.name}")
        at_sec = scene.rng.uniform(_EARLIEST_SEC, _LATEST_SEC)
        simulator = rehearsal.simulate(
            # Every simulator has a seed of its own: the same one would send the same ids again.
            [*_MIX, f"--seed={self._seed * 1_000 + number}"],
            part=f".{number}",
        )
        time.sleep(at_sec)  # drawn from the seed: when the fault comes is part of it
        begun_at = time.monotonic()
        fault.inject(scene)
        rehearsal.flink.wait_for_checkpoint(job, _RECOVERY_SEC)
        recovery_sec = time.monotonic() - begun_at
        simulator.wait(_RECOVERY_SEC)
        report = rehearsal.reconcile(_TAIL_SEC)
        return Result(fault.name, at_sec, recovery_sec, report.missing, report.double, report)

    def _rehearsal(self, name: str) -> Rehearsal:
        rehearsal = Rehearsal(
            f"{name}_{self._seed}_{time.strftime('%H%M%S')}",
            self._sandbox.endpoints(),
            self._folder,
        )
        rehearsal.prepare()
        return rehearsal

    def _scene(self, rehearsal: Rehearsal, job: str, name: str) -> Scene:
        rng = random.Random(f"{self._seed}:{name}")
        return Scene(self._sandbox, rehearsal, job, rng, self._say)

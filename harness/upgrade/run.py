"""The run under every scenario: load from beginning to end, a job that is stopped and resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import programs
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.waits import wait_for_rows
from operations.reconcile.report import Report
from operations.reconcile.truth import Limits
from sandbox.sandbox import Sandbox
from transforms.payment.outcome import Outcome

# Some of every outcome.
_MIX = (
    "--duplicate_ratio=0.03",
    "--conflict_ratio=0.01",
    "--late_ratio=0.01",
    "--invalid_ratio=0.01",
)
# All of a job's tasks start anew, and on a busy machine its workers with them.
_START_SEC = 600
_STOP_SEC = 300
# What Flink says when a savepoint holds state of an operator that the new job does not have.
REFUSAL = "Cannot map checkpoint/savepoint state for operator"
# So many are in the books before the first stop.
PAYMENTS_BEFORE_STOP = 300
_TAIL_SEC = 300


class Stage(NamedTuple):
    """Where and how to run the scenarios.

    Attributes:
        rate: records per second.
        say: tells a line of progress.
    """

    sandbox: Sandbox
    folder: Path
    rate: float
    seed: int
    say: Callable[[str], None]


class Result(NamedTuple):
    """What one scenario did.

    Attributes:
        stops_sec: from the request to the end of the job, for each stop.
        starts_sec: from the submission to the first checkpoint, for each start.
        problems: what is not as it must be, besides the books.
    """

    scenario: str
    stops_sec: tuple[float, ...]
    starts_sec: tuple[float, ...]
    report: Report
    problems: tuple[str, ...]


class Run:
    """One topic, one job at a time, and load that continues while there is none."""

    def __init__(self, stage: Stage, scenario: str) -> None:
        self._stage = stage
        self._scenario = scenario
        self._stops_sec: list[float] = []
        self._starts_sec: list[float] = []
        self._job = ""
        self.e2e_run = E2ERun(
            f"upgrade_{scenario}_{time.strftime('%H%M%S')}",
            stage.sandbox.endpoints(),
            stage.folder,
        )
        self.e2e_run.prepare()
        self._simulator: programs.Program | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._simulator is not None:
            self._simulator.stop()
        if not self._job:
            return
        try:
            self.e2e_run.flink.cancel(self._job)
        except HarnessError as stuck:
            if kind is None:
                raise
            self._say(str(stuck))  # what went wrong before it is what matters

    def start_under_load(self, flags: Sequence[str] = ()) -> None:
        """Starts the first job and the load, and returns when rows are queryable."""
        self.start(flags)
        # Without an end: it is stopped when the last job has started.
        self._simulator = self.e2e_run.simulate(
            [f"--rate_per_sec={self._stage.rate:g}", f"--seed={self._stage.seed}", *_MIX]
        )
        self._wait_for_payments()

    def _wait_for_payments(self) -> None:
        deadline = time.monotonic() + _START_SEC
        while time.monotonic() < deadline:
            snapshot = wait_for_rows(self.e2e_run, self._job, _START_SEC)
            if snapshot.rows[Outcome.ACCEPTED] >= PAYMENTS_BEFORE_STOP:
                return
            time.sleep(0.5)
        raise HarnessError(f"{snapshot.line()}: too few within {_START_SEC} s")

    def start(self, flags: Sequence[str], module: str = "pipeline") -> None:
        """Starts a job and returns when it checkpoints."""
        self._job = self.start_beside(self.e2e_run, flags, module)

    @property
    def job(self) -> str:
        """Returns the id of the job that runs."""
        return self._job

    def start_beside(self, e2e_run: E2ERun, flags: Sequence[str], module: str = "pipeline") -> str:
        """Starts a job that is not ours to stop; returns its id when it checkpoints."""
        began_at = time.monotonic()
        job = e2e_run.submit_to_flink(flags, module, _START_SEC)
        self._starts_sec.append(time.monotonic() - began_at)
        self._say(f"{module} runs and checkpoints after {self._starts_sec[-1]:.0f} s")
        return job

    def ended_by_others(self) -> None:
        """Tells that our job is not ours to end any more."""
        self._job = ""

    def stop(self) -> str:
        """Stops the job at a savepoint; returns its URI."""
        began_at = time.monotonic()
        savepoint = self.e2e_run.flink.stop_with_savepoint(self._job, _STOP_SEC)
        self._job = ""
        self._stops_sec.append(time.monotonic() - began_at)
        self._say(f"stopped after {self._stops_sec[-1]:.0f} s at {savepoint}")
        return savepoint

    def refusal_of(self, module: str, savepoint: str, e2e_run: E2ERun | None = None) -> str:
        """Starts what must not start from the savepoint; returns why Flink refused it.

        Args:
            e2e_run: whose tables it would write to, ours unless given.

        Raises:
            HarnessError: it was not refused.
        """
        flink = self.e2e_run.flink
        before = set(flink.jobs())
        log = (e2e_run or self.e2e_run).submit(
            [f"--savepoint_path={savepoint}"], module, _START_SEC
        )
        deadline = time.monotonic() + _START_SEC
        while time.monotonic() < deadline:
            for job in set(flink.jobs()) - before:
                # Flink tells how a job has ended up to three seconds before it tells why.
                if flink.jobs()[job] == "FAILED" and (failure := flink.newest_failure(job)):
                    return failure
                if flink.jobs()[job] == "RUNNING":
                    flink.cancel(job)
                    raise HarnessError(f"{module} was started: its state was lost in silence")
            time.sleep(0.5)
        raise HarnessError(f"no job came of {module}; {log} ends:\n{programs.tail(log)}")

    def finish(
        self,
        problems: Sequence[str] = (),
        books: E2ERun | None = None,
        limits: Limits | None = None,
    ) -> Result:
        """Ends the load, waits for the tail and compares the books: ours unless given.

        Args:
            problems: found so far.
            books: another run's, which must hold the same.
            limits: what records are judged by, those of the default flags unless given.
        """
        assert self._simulator is not None, "finish comes after start_under_load"
        self._simulator.stop()
        self._say("all sent; comparing topic, ledgers and tables")
        report = (books or self.e2e_run).reconcile(_TAIL_SEC, limits=limits)
        return Result(
            self._scenario, tuple(self._stops_sec), tuple(self._starts_sec), report, tuple(problems)
        )

    def _say(self, text: str) -> None:
        self._stage.say(f"{self._scenario}: {text}")

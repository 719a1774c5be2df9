"""The context of a fault: a sandbox with a job under load, and handles on its processes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.faults.contracts import Contracts, SkippedRecords
from harness.faults.pace import Pace
from harness.programs import Program
from harness.waits import minute_closed_behind
from operations.errors import CannotCheck, FlinkError
from operations.health.flink_side import job_health
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox

_POLL_SEC = 0.1
# Before most moments the job must have come back, and a hang of its start is ended by the watchdog
# (sandbox/watchdog.py) after a minute and a half at the earliest.
_MOMENT_SEC = 400
START_SEC = 300
_CHECKPOINT_SEC = 2
# Flink renews what it tells every ten seconds. Later the tables are asked as well.
_FLINK_TELLS_SEC = 90
# Longer than the interval of checkpoints (5 s), shorter than the heartbeat timeout (8 s).
_FROZEN_SEC = 6.0


@dataclasses.dataclass
class Stage:
    """What faults at the same time share.

    Attributes:
        job: the Flink job, another one after a power cut.
        senders: simulators that must end well.
        say: tells a line of progress.
        contracts: what the jobs of faults read by.
        skipped: what reconciliations have found to be skipped.
        over: set when the job is to be cancelled.
    """

    sandbox: Sandbox
    e2e_run: E2ERun
    job: str
    pace: Pace
    say: Callable[[str], None]
    contracts: Contracts
    skipped: SkippedRecords = dataclasses.field(default_factory=SkippedRecords)
    senders: list[Program] = dataclasses.field(default_factory=list)
    bigquery_faults: dict[str, int | bool] = dataclasses.field(default_factory=dict)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    over: threading.Event = dataclasses.field(default_factory=threading.Event)


@dataclasses.dataclass(frozen=True)
class FaultContext:
    """The stage as one fault sees it.

    Attributes:
        seed: of payments that the fault itself sends; no other sender has it.
        rng: all that is random in a fault comes from here: a seed injects the same again.
    """

    stage: Stage
    seed: int
    rng: random.Random

    @property
    def pace(self) -> Pace:
        """Returns how long things take."""
        return self.stage.pace

    # --- Processes ------------------------------------------------------------------------------

    def kill(self, *components: str, restart: bool = True) -> None:
        """Kills components and their children with SIGKILL; the supervisor starts them again."""
        for component in components:
            pid = self.stage.sandbox.kill(component, restart)
            self.stage.say(f"SIGKILL {component} (process {pid})")

    def working(self, preferred: str) -> str:
        """Returns a TaskManager that runs tasks of the job: the preferred one if it is such.

        After a recovery all tasks may be on one of them; a fault of the other would prove nothing.
        """
        found: set[str] = set()

        def known() -> bool:
            found.update(self.stage.e2e_run.flink.task_managers(self.stage.job))
            return bool(found)

        self.wait("a TaskManager runs tasks of the job", known)
        return preferred if preferred in found else found.pop()

    def start(self, *components: str) -> None:
        """Starts components that were left down; returns when they answer."""
        for component in components:
            self.stage.sandbox.restart(component)

    def kill_python_worker(self) -> None:
        """Kills one Python worker, not its pool."""
        self.wait("there is a Python worker", lambda: bool(self._python_workers()))
        victim = self.rng.choice(sorted(self._python_workers(), key=lambda worker: worker.pid))
        victim.kill()
        self.stage.say(f"SIGKILL Python worker (process {victim.pid})")

    def kill_starting_python_worker(self) -> None:
        """Kills a Python worker, and one of those that follow before it has reported."""
        before = {worker.pid for worker in self._python_workers()}
        self.kill_python_worker()
        started: list[psutil.Process] = []

        def one_starts() -> bool:
            started.extend(each for each in self._python_workers() if each.pid not in before)
            return bool(started)

        self.wait("another Python worker starts", one_starts)
        started[0].kill()
        self.stage.say(f"SIGKILL Python worker (process {started[0].pid}) that was starting")

    @contextlib.contextmanager
    def frozen(self, component: str) -> Iterator[None]:
        """Stops a component, not its children, with SIGSTOP for the length of a with-block."""
        process = psutil.Process(self.stage.sandbox.pids()[component])
        self.stage.say(f"SIGSTOP {component} (process {process.pid})")
        process.suspend()
        try:
            yield
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):  # killed meanwhile
                process.resume()
                self.stage.say(f"SIGCONT {component} (process {process.pid})")

    def kill_in_checkpoint(self, preferred: str) -> None:
        """Kills a TaskManager that holds up a checkpoint, which is therefore under way.

        A checkpoint takes some 30 ms: whoever waits for one to be under way misses it. Of a frozen
        TaskManager it waits; not for long, or the job would continue without it.
        """
        flink, job = self.stage.e2e_run.flink, self.stage.job
        killed: list[str] = []

        def one_waits() -> bool:
            if not flink.all_tasks_running(job):
                return False
            victim = self.working(preferred)
            with self.frozen(victim):
                until = time.monotonic() + _FROZEN_SEC
                while not killed and time.monotonic() < until:
                    if flink.checkpoint_under_way(job):
                        self.kill(victim)
                        killed.append(victim)
                    time.sleep(_POLL_SEC)
            return bool(killed)

        self.wait("a checkpoint waits for a frozen TaskManager", one_waits)

    def cut_power(self) -> None:
        """Kills everything at once, starts it from disk, and resumes from the last checkpoint."""
        stage = self.stage
        with_registry = bool(stage.sandbox.endpoints()["registry"])
        stage.say(f"SIGKILL everything ({stage.sandbox.cut_power()} processes)")
        endpoints = stage.sandbox.up(stage.say, with_registry=with_registry)
        if jobs := stage.e2e_run.flink.live_jobs():
            raise HarnessError(f"after a power cut the jobs {jobs} came back by themselves")
        folder = Path(endpoints["checkpoints"]) / stage.job
        # The cluster that comes up knows nothing of the job, so it cannot say that it has ended.
        stage.job = stage.e2e_run.submit_to_flink(
            [f"--resume={folder}", "--take_over"], timeout_sec=START_SEC
        )

    # --- BigQuery and payments ------------------------------------------------------------------

    @contextlib.contextmanager
    def bigquery_faults(self, **asked: int | bool) -> Iterator[None]:
        """Has BigQuery do wrong for a with-block (sandbox/bigquery/faults.py)."""
        self.stage.say(f"BigQuery: {asked}")
        self._ask_bigquery(self.stage.bigquery_faults | asked)
        try:
            yield
        finally:
            kept = self.stage.bigquery_faults.items()
            self._ask_bigquery({key: value for key, value in kept if key not in asked})

    def send(self, flags: Sequence[str], part: str = "", to_be_killed: bool = False) -> Program:
        """Starts one more simulator on the same topic; unless it is killed, it must end well."""
        sender = self.stage.e2e_run.simulate(flags, f".{self.seed}{part}", to_be_killed)
        if not to_be_killed:
            self.stage.senders.append(sender)
        return sender

    # --- Moments --------------------------------------------------------------------------------

    def wait_for_checkpoint_under_way(self) -> None:
        """Returns while a checkpoint is in progress."""
        flink, job = self.stage.e2e_run.flink, self.stage.job
        self.wait("a checkpoint is under way", lambda: flink.checkpoint_under_way(job))

    def wait_for_completed_checkpoint(self) -> None:
        """Returns at the moment when one more checkpoint has completed."""
        flink, job = self.stage.e2e_run.flink, self.stage.job
        seen: list[int] = []

        def one_more() -> bool:
            seen.append(flink.checkpoints(job).completed)
            return seen[-1] > seen[0]

        self.wait("one more checkpoint has completed", one_more)

    def wait_until_restarting(self) -> None:
        """Returns once the job has noticed that something is gone."""
        flink, job = self.stage.e2e_run.flink, self.stage.job
        self.wait("a task is gone", lambda: not flink.all_tasks_running(job))

    def wait_until_running(self) -> None:
        """Returns once every task runs."""
        flink, job = self.stage.e2e_run.flink, self.stage.job
        self.wait("every task runs", lambda: flink.all_tasks_running(job))

    def wait_for_watermark_beyond(self, moment_sec: float) -> None:
        """Returns once the watermark of every task has passed a moment (seconds, epoch).

        Flink's REST says so, or a minute that ends behind the moment is closed. Flink has been seen
        to tell an old watermark for minutes while the job closed its windows in time.
        """
        address, job = self.stage.e2e_run.endpoints["flink_rest"], self.stage.job
        patience = time.monotonic() + _FLINK_TELLS_SEC

        def passed() -> bool:
            with contextlib.suppress(CannotCheck):
                age_sec = job_health(address, job).watermark_age_sec
                if age_sec is not None and time.time() - age_sec > moment_sec:
                    return True
            if time.monotonic() < patience or not minute_closed_behind(
                self.stage.e2e_run, moment_sec
            ):
                return False
            self.stage.say("Flink tells an old watermark; the minutes are closed in time")
            return True

        self.wait("the watermark goes on", passed)

    def kill_before_any_checkpoint(self) -> None:
        """Kills both TaskManagers once they work, and makes sure that nothing had been saved."""
        self.wait_until_running()
        time.sleep(self.rng.uniform(1, 4))  # some rows are appended, at another moment each time
        self.kill(*TASK_MANAGERS)
        if self.stage.e2e_run.flink.checkpoints(self.stage.job).completed:
            raise HarnessError("a checkpoint completed before the kill: the job is not young")
        self.wait_until_restarting()  # or the next kill would meet processes without a task

    def checkpoint_from_now_on(self) -> None:
        """Has a job that takes no checkpoints by itself take them, until the stage is over."""
        flink, job, over = self.stage.e2e_run.flink, self.stage.job, self.stage.over

        def trigger() -> None:
            while not over.wait(_CHECKPOINT_SEC):
                with contextlib.suppress(FlinkError):
                    flink.trigger_checkpoint(job)

        threading.Thread(target=trigger, daemon=True).start()

    # --- Inside ---------------------------------------------------------------------------------

    def _python_workers(self) -> list[psutil.Process]:
        return list(psutil.Process(self.stage.sandbox.pids()["python-workers"]).children())

    def _ask_bigquery(self, wanted: dict[str, int | bool]) -> None:
        with self.stage.lock:
            self.stage.bigquery_faults = wanted
            file = Path(self.stage.e2e_run.endpoints["faults"])
            if not wanted:
                file.unlink()
                return
            unfinished = file.with_suffix(".tmp")  # the stand-in reads the file at every request
            unfinished.write_text(json.dumps(wanted))
            unfinished.replace(file)

    def wait(self, moment: str, holds: Callable[[], bool]) -> None:
        """Returns when something holds. Raises HarnessError, with what the job does, if never."""
        deadline = time.monotonic() + _MOMENT_SEC
        while time.monotonic() < deadline:
            with contextlib.suppress(FlinkError):
                if holds():
                    return
            time.sleep(_POLL_SEC)
        state = self.stage.e2e_run.flink.describe(self.stage.job)
        raise HarnessError(
            f"the moment for the fault ({moment}) did not come within {_MOMENT_SEC} s: {state}"
        )

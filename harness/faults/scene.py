"""What does a fault act on? A sandbox with a job under load, and handles on its processes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import requests

from harness.errors import HarnessError
from harness.rehearsal import Rehearsal
from sandbox.sandbox import Sandbox

_POLL_SEC = 0.1


@dataclasses.dataclass(frozen=True)
class Scene:
    """A job under load.

    Attributes:
        rng: all that is random in a fault comes from here: a seed injects the same again.
        say: tells a line of progress.
    """

    sandbox: Sandbox
    rehearsal: Rehearsal
    job: str
    rng: random.Random
    say: Callable[[str], None]

    def kill(self, *components: str) -> None:
        """Kills components and their children with SIGKILL; the supervisor starts them again."""
        for component in components:
            pid = self.sandbox.kill(component)
            self.say(f"SIGKILL {component} (process {pid})")

    def kill_python_worker(self) -> None:
        """Kills one Python worker, not its pool."""
        workers = psutil.Process(self.sandbox.pids()["python-workers"]).children()
        if not workers:
            raise HarnessError("no Python worker runs: is the job up?")
        victim = self.rng.choice(sorted(workers, key=lambda worker: worker.pid))
        victim.kill()
        self.say(f"SIGKILL Python worker (process {victim.pid})")

    @contextlib.contextmanager
    def frozen(self, component: str) -> Iterator[None]:
        """Stops a component, not its children, with SIGSTOP for the length of a with-block."""
        process = psutil.Process(self.sandbox.pids()[component])
        self.say(f"SIGSTOP {component} (process {process.pid})")
        process.suspend()
        try:
            yield
        finally:
            process.resume()
            self.say(f"SIGCONT {component} (process {process.pid})")

    @contextlib.contextmanager
    def bigquery_faults(self, **every: int) -> Iterator[None]:
        """Makes BigQuery lose answers for a with-block (sandbox/bigquery/faults.py)."""
        file = Path(self.rehearsal.endpoints["faults"])
        file.write_text(json.dumps(every))
        self.say(f"BigQuery: {every}")
        try:
            yield
        finally:
            file.unlink()

    def wait_for_checkpoint_under_way(self, timeout_sec: float = 60) -> None:
        """Returns while a checkpoint is in progress."""
        self._wait(lambda: self.rehearsal.flink.checkpoint_under_way(self.job), timeout_sec)

    def wait_until_restarting(self, timeout_sec: float = 60) -> None:
        """Returns once the job has noticed that something is gone."""
        self._wait(lambda: not self.rehearsal.flink.all_tasks_running(self.job), timeout_sec)

    def _wait(self, holds: Callable[[], bool], timeout_sec: float) -> None:
        deadline = time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if holds():
                    return
            time.sleep(_POLL_SEC)
        raise HarnessError(f"the moment for the fault did not come within {timeout_sec:.0f} s")

"""The jobs of a Flink cluster, as end-to-end runs wait for them and look at them."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import Any
from urllib.parse import urlencode

from harness.errors import HarnessError
from operations.errors import FlinkError
from operations.flink_client import ENDED, FlinkClient
from transforms.payment.metric_names import NAMESPACE, CounterName

# No end-to-end run waits for another JobManager to go on with a suspended job.
_ENDED = ENDED | {"SUSPENDED"}
_DUMP_SEC = 30


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """What a job has saved so far."""

    completed: int
    restored: int  # how often the job came back from one
    state_bytes: int  # of the newest completed one


class FlinkCluster:
    """A Flink cluster by its REST address, host:port. What does not answer is a FlinkError."""

    def __init__(self, address: str) -> None:
        self._client = FlinkClient(address)

    def live_jobs(self) -> list[str]:
        """Returns the ids of jobs that have not ended."""
        return [job for job, status in self.jobs().items() if status not in _ENDED]

    def all_tasks_running(self, job: str) -> bool:
        """Tells whether every task of the job runs; raises HarnessError when the job ended."""
        details = self._get(f"/jobs/{job}")
        if details["state"] in _ENDED:
            raise HarnessError(f"the Flink job {job} ended: {details['state']}")
        counts = details["status-counts"]
        return bool(counts["RUNNING"] == sum(counts.values()))

    def checkpoints(self, job: str) -> Checkpoints:
        """Returns what the job has saved."""
        found = self._client.checkpoints(job)
        state_bytes = found.newest.state_bytes if found.newest else 0
        return Checkpoints(found.completed, found.restored, state_bytes)

    def task_managers(self, job: str) -> set[str]:
        """Returns the ids of the TaskManagers that run the job at this moment."""
        return {
            str(subtask["taskmanager-id"])
            for vertex in self._get(f"/jobs/{job}")["vertices"]
            for subtask in self._get(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]
            if subtask["status"] == "RUNNING"
        }

    def checkpoint_under_way(self, job: str) -> bool:
        """Tells whether a checkpoint has begun and not ended."""
        return bool(self._client.checkpoints(job).in_progress)

    def counter(self, job: str, name: CounterName) -> int:
        """Returns a counter of the pipeline, summed over all tasks that run now.

        It begins at 0 whenever the job restarts, and is about 10 s old: Flink fetches metrics from
        the TaskManagers no more often.
        """
        vertices = self._get(f"/jobs/{job}")["vertices"]
        return sum(self._counter_of_vertex(job, vertex["id"], name) for vertex in vertices)

    def newest_failure(self, job: str) -> str:
        """Returns what last made the job fail, with its stack trace; "" when nothing has."""
        failures = self._client.failures(job)
        return failures[0].stack if failures else ""

    def wait_for_checkpoint(self, job: str, timeout_sec: float) -> None:
        """Returns when all tasks run and one more checkpoint has completed than before."""
        deadline = time.monotonic() + timeout_sec
        before: int | None = None
        while time.monotonic() < deadline:
            try:
                if self.all_tasks_running(job):
                    completed = self.checkpoints(job).completed
                    before = completed if before is None else before
                    if completed > before:
                        return
            except FlinkError:
                before = None  # the JobManager is not up: what it counted may be gone with it
            time.sleep(0.5)
        raise HarnessError(
            f"the Flink job {job} did not checkpoint within {timeout_sec:.0f} s: "
            f"{self.describe(job)}"
        )

    def describe(self, job: str) -> str:
        """Returns in a line what a job is doing: tasks, newest checkpoints, newest failure."""
        try:
            tasks = self._get(f"/jobs/{job}")["status-counts"]
            newest = self._get(f"/jobs/{job}/checkpoints")["history"][:3]
            failures = self._client.failures(job)
        except FlinkError as error:
            return str(error)
        running = f"{tasks['RUNNING']} of {sum(tasks.values())} tasks run"
        checkpoints = [
            f"{each['status']} after {each['end_to_end_duration'] / 1_000:.0f} s, "
            f"{each['num_acknowledged_subtasks']} of {each['num_subtasks']} subtasks"
            for each in newest
        ]
        failure = failures[0].cause if failures else "none"
        return f"{running}; newest checkpoints: {checkpoints}; newest failure: {failure}"

    def trigger_checkpoint(self, job: str) -> None:
        """Asks for a checkpoint now, besides those that the job takes by itself.

        Whether it comes about is for `checkpoints` to tell: a job that is starting has none.
        """
        self._client.post(f"/jobs/{job}/checkpoints", {"checkpointType": "CONFIGURED"})

    def cancel(self, job: str, timeout_sec: float = 60) -> None:
        """Cancels the job and returns when it has ended."""
        deadline = time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            # A JobManager that is not up yet does not answer; one that forgot the job has none.
            with contextlib.suppress(FlinkError):
                if job not in self.live_jobs():
                    return
                self._client.ask_to_cancel(job)
            time.sleep(0.5)
        raise HarnessError(f"the Flink job {job} did not end within {timeout_sec:.0f} s")

    def savepoint(self, job: str, timeout_sec: float, cancel: bool = False) -> str:
        """Returns the URI of a savepoint; the job continues unless it is cancelled by it."""
        try:
            return self._client.savepoint(job, timeout_sec, cancel)
        except FlinkError as error:
            raise HarnessError(str(error)) from None

    def stop_with_savepoint(self, job: str, timeout_sec: float) -> str:
        """Stops the job and returns the URI of the savepoint from which another resumes."""
        # Should it fail, the job may have ended all the same. Flink then says where the savepoint
        # is, and that starting from it commits what was not.
        savepoint = self.savepoint(job, timeout_sec, cancel=True)
        if self._client.wait_for_end(job, timeout_sec).lives:
            raise HarnessError(f"the Flink job {job} did not stop within {timeout_sec:.0f} s")
        return savepoint

    def thread_dump(self, task_manager: str) -> Any:
        """Returns what every thread of a TaskManager is doing."""
        return FlinkClient(self._client.address, _DUMP_SEC).get(
            f"/taskmanagers/{task_manager}/thread-dump"
        )

    def jobs(self) -> dict[str, str]:
        """Returns the status of every job by its id, of ended ones as well."""
        return {job.job_id: job.state for job in self._client.jobs()}

    def _counter_of_vertex(self, job: str, vertex: str, name: CounterName) -> int:
        metrics = f"/jobs/{job}/vertices/{vertex}/subtasks/metrics"
        # Beam names a counter: operator, dot, namespace, underscore, name.
        ids = [
            metric["id"]
            for metric in self._get(metrics)
            if metric["id"].endswith(f".{NAMESPACE}_{name}")
        ]
        # One question for each: an operator's name may hold commas, which separate ids here.
        found = [
            self._get(f"{metrics}?{urlencode({'get': metric_id, 'agg': 'sum'})}")
            for metric_id in ids
        ]
        return sum(int(metric["sum"]) for answer in found for metric in answer)

    def _get(self, path: str) -> Any:
        return self._client.get(path)

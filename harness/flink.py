"""A client of Flink's REST interface, as far as the end-to-end runs need it."""

from __future__ import annotations

import dataclasses
import time
from typing import Any
from urllib.parse import urlencode

import requests

from harness.errors import HarnessError
from operations.errors import RolloutError
from operations.rollout.flink_jobs import FlinkJobs
from transforms.payment.metric_names import NAMESPACE, CounterName

_ENDED = {"CANCELED", "FAILED", "FINISHED", "SUSPENDED"}


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """What a job has saved so far."""

    completed: int
    restored: int  # how often the job came back from one
    state_bytes: int  # of the newest completed one


class FlinkCluster:
    """A Flink cluster by its REST address, host:port."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}"
        self._jobs = FlinkJobs(address)

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
        stats = self._get(f"/jobs/{job}/checkpoints")
        newest = (stats.get("latest") or {}).get("completed") or {}
        counts = stats["counts"]
        return Checkpoints(counts["completed"], counts["restored"], newest.get("state_size", 0))

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
        return bool(self._get(f"/jobs/{job}/checkpoints")["counts"]["in_progress"])

    def counter(self, job: str, name: CounterName) -> int:
        """Returns a counter of the pipeline, summed over all tasks that run now.

        It begins at 0 whenever the job restarts, and is about 10 s old: Flink fetches metrics from
        the TaskManagers no more often.
        """
        vertices = self._get(f"/jobs/{job}")["vertices"]
        return sum(self._counter_of_vertex(job, vertex["id"], name) for vertex in vertices)

    def newest_failure(self, job: str) -> str:
        """Returns what last made the job fail, with its stack trace; "" when nothing has."""
        entries = self._get(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"]
        return str(entries[0]["stacktrace"]) if entries else ""

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
            except requests.RequestException:
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
            failure = self.newest_failure(job).partition("\n")[0]
        except requests.RequestException as error:
            return f"the JobManager does not answer ({type(error).__name__})"
        running = f"{tasks['RUNNING']} of {sum(tasks.values())} tasks run"
        checkpoints = [
            f"{each['status']} after {each['end_to_end_duration'] / 1_000:.0f} s, "
            f"{each['num_acknowledged_subtasks']} of {each['num_subtasks']} subtasks"
            for each in newest
        ]
        return f"{running}; newest checkpoints: {checkpoints}; newest failure: {failure or 'none'}"

    def trigger_checkpoint(self, job: str) -> None:
        """Asks for a checkpoint now, besides those that the job takes by itself.

        Whether it comes about is for `checkpoints` to tell: a job that is starting has none.
        """
        url = f"{self._url}/jobs/{job}/checkpoints"
        requests.post(url, json={"checkpointType": "CONFIGURED"}, timeout=10).raise_for_status()

    def cancel(self, job: str, timeout_sec: float = 60) -> None:
        """Cancels the job and returns when it has ended."""
        deadline = time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            try:
                if job not in self.live_jobs():
                    return
                # Asked again and again: a JobManager that has just been restarted may not know
                # the job yet, or not remember that it was asked.
                requests.patch(f"{self._url}/jobs/{job}?mode=cancel", timeout=10)
            except requests.RequestException:
                pass  # not up yet; the deadline tells when to give up
            time.sleep(0.5)
        raise HarnessError(f"the Flink job {job} did not end within {timeout_sec:.0f} s")

    def savepoint(self, job: str, timeout_sec: float, cancel: bool = False) -> str:
        """Returns the URI of a savepoint; the job continues unless it is cancelled by it."""
        try:
            return self._jobs.savepoint(job, timeout_sec, cancel)
        except RolloutError as error:
            raise HarnessError(str(error)) from None

    def stop_with_savepoint(self, job: str, timeout_sec: float) -> str:
        """Stops the job and returns the URI of the savepoint from which another resumes.

        By a savepoint with `cancel-job`, not by Flink's `stop`: that ends Beam's source before the
        savepoint, drained or not, and a source that ends says that time is over. Windows are then
        closed in the savepoint, with half of their minute in them.
        """
        deadline = time.monotonic() + timeout_sec
        # Should it fail, the job may have ended all the same. Flink then says where the savepoint
        # is, and that starting from it commits what was not.
        savepoint = self.savepoint(job, timeout_sec, cancel=True)
        while job in self.live_jobs():
            if time.monotonic() > deadline:
                raise HarnessError(f"the Flink job {job} did not stop within {timeout_sec:.0f} s")
            time.sleep(0.5)
        return savepoint

    def jobs(self) -> dict[str, str]:
        """Returns the status of every job by its id, of ended ones as well."""
        return {job["id"]: job["status"] for job in self._get("/jobs")["jobs"]}

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
        response = requests.get(self._url + path, timeout=10)
        response.raise_for_status()
        return response.json()

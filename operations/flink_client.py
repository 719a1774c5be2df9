"""Asks Flink for all programs: its REST interface, with limits, and errors in a line."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import requests

from operations import flink_failures
from operations.errors import FlinkError
from operations.flink_failures import Failure

T = TypeVar("T")
_TIMEOUT_SEC = 10.0
_POLL_SEC = 0.5
_COPY_SEC = 3.5
_STACK_HEAD = "<Exception on server side:\n"
# Flink cancels a job within seconds; one that waits for a dead TaskManager takes its heartbeat.
CANCEL_SEC = 60.0
# From these no job comes back. A suspended one may: another JobManager can go on with it.
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})


class NoSavepoint(FlinkError):
    """A savepoint was asked for, and there is none."""


class FlinkJob(NamedTuple):
    """A job as Flink's overview tells it."""

    job_id: str
    name: str
    state: str
    started_at: dt.datetime
    ended_at: dt.datetime | None = None

    @property
    def lives(self) -> bool:
        """Returns whether it has not ended."""
        return self.state not in ENDED

    def describe(self) -> str:
        """Returns which job it is, and how it is, in a line."""
        since = self.ended_at or self.started_at
        word = "since" if self.lives else "at"
        return f"job {self.job_id} ({self.name}), {self.state} {word} {since:%F %T} UTC"


class Checkpoint(NamedTuple):
    """A completed checkpoint."""

    triggered_at: dt.datetime
    state_bytes: int


class Checkpoints(NamedTuple):
    """What a job has saved so far.

    Attributes:
        restored: how often the job came back from one.
        newest: the newest completed one, None before there is any.
    """

    completed: int
    in_progress: int
    restored: int
    newest: Checkpoint | None


class FlinkClient:
    """A Flink cluster by its REST address, host:port. Every method raises FlinkError."""

    def __init__(self, address: str, timeout_sec: float = _TIMEOUT_SEC) -> None:
        self.address = address
        self._timeout_sec = timeout_sec

    def jobs(self) -> list[FlinkJob]:
        """Returns every job that Flink still knows, the newest first."""
        found = self._read("/jobs/overview", lambda answer: [_job(each) for each in answer["jobs"]])
        return sorted(found, key=lambda job: job.started_at, reverse=True)

    def job(self, job_id: str) -> FlinkJob:
        """Returns one job, which may have ended."""
        return self._read(f"/jobs/{job_id}", _job)

    def details(self, job_id: str) -> dict[str, Any]:
        """Returns a job's stages, with how many of its tasks are in which state."""
        return self._read(f"/jobs/{job_id}", dict)

    def checkpoints(self, job_id: str) -> Checkpoints:
        """Returns what a job has saved."""
        return self._read(f"/jobs/{job_id}/checkpoints", _checkpoints)

    def failures(self, job_id: str) -> list[Failure]:
        """Returns what made a job fail, the newest first; Flink keeps the last sixteen."""
        return self._read(
            f"/jobs/{job_id}/exceptions",
            lambda answer: [_failure(each) for each in answer["exceptionHistory"]["entries"]],
        )

    def failures_of(self, job: FlinkJob) -> list[Failure]:
        """Returns the same once it holds what has just ended the job.

        Flink answers from a copy that is up to 3 s old (`web.refresh-interval`).
        """
        if job.state == "FAILED" and job.ended_at is not None:
            age_sec = (dt.datetime.now(dt.UTC) - job.ended_at).total_seconds()
            time.sleep(min(max(0.0, _COPY_SEC - age_sec), _COPY_SEC))
        return self.failures(job.job_id)

    def restarts(self, job_id: str) -> int:
        """Returns how often a job was started again, as Flink counts it: up to 10 s late."""
        return self._read(
            f"/jobs/{job_id}/metrics?get=numRestarts",
            lambda answer: max((int(each["value"]) for each in answer), default=0),
        )

    def savepoint(self, job_id: str, timeout_sec: float, cancel: bool = False) -> str:
        """Returns the URI of a savepoint that was taken now; the job goes on unless cancelled.

        Not by Flink's `stop`: that ends Beam's source before the savepoint, and a source that ends
        says that time is over. Windows would be closed in the savepoint, with half their minute.
        """
        path = f"/jobs/{job_id}/savepoints"
        asked = self._read(
            path, lambda answer: str(answer["request-id"]), "post", {"cancel-job": cancel}
        )
        deadline = time.monotonic() + timeout_sec
        unanswered = ""
        while time.monotonic() < deadline:
            try:
                place = self._read(f"{path}/{asked}", lambda answer: _place(job_id, answer))
            except FlinkError as error:  # it is taken all the same, and its place must not be lost
                if error.missing or isinstance(error, NoSavepoint):
                    raise
                place, unanswered = None, f"; the last answer: {error}"
            if place is not None:
                return place
            time.sleep(_POLL_SEC)
        raise NoSavepoint(
            f"no savepoint of {job_id} came about within {timeout_sec:.0f} s{unanswered}. Hint: "
            f"does the job checkpoint at all? `payments health --flink={self.address} …`"
        )

    def ask_to_cancel(self, job_id: str) -> None:
        """Asks for a job's end, and does not wait for it."""
        self._answer("patch", f"/jobs/{job_id}?mode=cancel")

    def wait_for_end(self, job_id: str, timeout_sec: float = CANCEL_SEC) -> FlinkJob:
        """Returns a job once it has ended, or as it is when the time is over."""
        deadline = time.monotonic() + timeout_sec
        while (job := self.job(job_id)).lives and time.monotonic() < deadline:
            time.sleep(_POLL_SEC)
        return job

    def get(self, path: str) -> Any:
        """Returns what Flink answers."""
        return self._answer("get", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Sends a document; returns what Flink answers."""
        return self._answer("post", path, body)

    def _read(
        self,
        path: str,
        read: Callable[[Any], T],
        method: str = "get",
        body: Mapping[str, Any] | None = None,
    ) -> T:
        """Returns what `read` finds in an answer, which may be of another service than Flink."""
        answer = self._answer(method, path, body)
        try:
            return read(answer)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as e:
            raise self._no_flink(e) from None

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = requests.request(
                method, f"http://{self.address}{path}", json=body, timeout=self._timeout_sec
            )
            # A GET is refused as bad for an id that cannot be one.
            if response.status_code == 404 or (response.status_code == 400 and method == "get"):
                raise FlinkError(
                    f"Flink at {self.address} knows no {path.partition('?')[0]}. Hint: `payments "
                    f"job list --flink={self.address}` shows the jobs that it knows.",
                    missing=True,
                )
            answer = response.json()
            if not response.ok:
                why = flink_failures.cause_of(str(answer["errors"][-1]).removeprefix(_STACK_HEAD))
                raise FlinkError(f"Flink at {self.address} refused {path.partition('?')[0]}: {why}")
            return answer
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            raise self._no_flink(error) from None

    def _no_flink(self, error: Exception) -> FlinkError:
        return FlinkError(
            f"Flink does not answer at {self.address} as expected ({type(error).__name__}). Hint: "
            "is that the REST port of the JobManager, and is it running?"
        )


def _job(answer: Mapping[str, Any]) -> FlinkJob:
    ended_ms = int(answer.get("end-time", -1))
    return FlinkJob(
        str(answer["jid"]),
        str(answer["name"]),
        str(answer["state"]),
        _moment(int(answer["start-time"])),
        _moment(ended_ms) if ended_ms > 0 else None,
    )


def _place(job_id: str, answer: Mapping[str, Any]) -> str | None:
    """Returns where a savepoint lies, None while it is being taken; raises FlinkError for none."""
    if answer["status"]["id"] != "COMPLETED":
        return None
    operation = answer["operation"]
    if "location" in operation:
        return str(operation["location"])
    cause = flink_failures.cause_of(str(operation["failure-cause"]["stack-trace"]))
    raise NoSavepoint(f"no savepoint of {job_id} came about: {cause}")


def _checkpoints(answer: Mapping[str, Any]) -> Checkpoints:
    counts, newest = answer["counts"], (answer.get("latest") or {}).get("completed")
    return Checkpoints(
        int(counts.get("completed", 0)),
        int(counts.get("in_progress", 0)),
        int(counts.get("restored", 0)),
        newest and Checkpoint(_moment(newest["trigger_timestamp"]), int(newest["state_size"])),
    )


def _failure(entry: Mapping[str, Any]) -> Failure:
    stack = str(entry["stacktrace"])
    return Failure(_moment(int(entry["timestamp"])), flink_failures.cause_of(stack), stack)


def _moment(time_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(time_ms / 1_000, dt.UTC)

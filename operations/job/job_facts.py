"""Gathers what Flink says of a job, for people and for programs."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

from operations.errors import FlinkError
from operations.flink_client import Checkpoints, FlinkClient, FlinkJob
from operations.flink_failures import Failure


@dataclasses.dataclass(frozen=True)
class JobFacts:
    """How a job is.

    Attributes:
        restarts: how often it was started again.
        failure: the last one, None without any.
        checkpoints: None where Flink no longer tells.
    """

    job: FlinkJob
    restarts: int
    failure: Failure | None
    checkpoints: Checkpoints | None

    def lines(self) -> list[str]:
        """Returns all of it for people."""
        newest = self.checkpoints and self.checkpoints.newest
        saved = "none completed"
        if newest and self.checkpoints:
            saved = (
                f"{self.checkpoints.completed} completed, the newest of "
                f"{newest.triggered_at:%F %T} UTC with {newest.state_bytes / 1e6:.1f} MB"
            )
        return [
            self.job.describe(),
            f"restarts      {self.restarts}",
            f"checkpoints   {saved}",
            f"last failure  {self.failure or 'none'}",
        ]

    def document(self) -> dict[str, Any]:
        """Returns all of it for programs."""
        newest = self.checkpoints and self.checkpoints.newest
        return {
            **self.job._asdict(),
            "lives": self.job.lives,
            "restarts": self.restarts,
            "checkpoints_completed": self.checkpoints.completed if self.checkpoints else None,
            "newest_checkpoint_at": newest.triggered_at if newest else None,
            "state_bytes": newest.state_bytes if newest else None,
            "last_failure": failure_document(self.failure),
        }


def failure_document(failure: Failure | None) -> dict[str, Any] | None:
    """Returns a failure for programs: when, and the cause in a line."""
    return None if failure is None else {"at": failure.at, "cause": failure.cause}


def facts(client: FlinkClient, job: FlinkJob) -> JobFacts:
    """Returns how a job is, as far as Flink still tells. Raises FlinkError if it is away."""
    failures = client.failures_of(job)
    checkpoints = None
    with contextlib.suppress(FlinkError):  # a job that never came up has none
        checkpoints = client.checkpoints(job.job_id)
    return JobFacts(job, restarts(client, job, failures), next(iter(failures), None), checkpoints)


def restarts(client: FlinkClient, job: FlinkJob, failures: list[Failure]) -> int:
    """Returns how often a job was started again.

    Flink's own counter is up to 10 s late and is gone when the job has ended; each failure that it
    remembers has led to a restart, but for one that ended the job.
    """
    seen = len(failures) - (job.state == "FAILED")
    with contextlib.suppress(FlinkError):
        return max(seen, client.restarts(job.job_id))
    return max(0, seen)

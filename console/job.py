"""Asks Flink about the job, for what follows a record or a fault."""

from __future__ import annotations

import dataclasses

from operations.errors import FlinkError
from operations.flink_client import FlinkClient, FlinkJob


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        running: whether every task runs.
        checkpoint: number of the newest completed one.
        restored: number of the one that the job came back from last, and how often it did.
    """

    running: bool
    checkpoint: int | None
    restored: int | None
    restores: int


def living(address: str | None, job_id: str | None) -> FlinkJob | None:
    """Returns the job that is looked at, None where there is none, or nobody says."""
    if address is None:
        return None
    try:
        jobs = [job for job in FlinkClient(address).jobs() if job.lives]
    except FlinkError:
        return None
    return next((job for job in jobs if job_id in (None, job.job_id)), None)


def progress(address: str, job_id: str) -> Progress:
    """Returns how far a job is. Raises FlinkError."""
    client = FlinkClient(address)
    counts = client.details(job_id)["status-counts"]
    try:
        found = client.get(f"/jobs/{job_id}/checkpoints")
        latest = found["latest"]
        return Progress(
            counts["RUNNING"] == sum(counts.values()),
            latest["completed"] and int(latest["completed"]["id"]),
            latest["restored"] and int(latest["restored"]["id"]),
            int(found["counts"]["restored"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FlinkError(
            f"Flink at {address} does not answer as expected ({type(error).__name__})"
        ) from None

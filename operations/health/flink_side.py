"""Asks Flink about the job, through its REST interface, by address alone."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from operations.errors import FlinkError
from operations.flink_client import FlinkClient, FlinkJob
from operations.flink_failures import Failure
from operations.job import job_facts

Pick = Callable[[Sequence[FlinkJob]], FlinkJob | None]
# Flink's names for "nothing yet" and "all is over".
_NO_WATERMARK_YET, _WATERMARK_AT_END = -(2**63), 2**63 - 1
# Flink renews its figures every ten seconds, when it is asked for them.
FIGURES_OLD_SEC = 60


class JobHealth(NamedTuple):
    """How a job is.

    Attributes:
        job: None where none lives and none has ended.
        running_share: tasks that run, of all.
        age_sec: since the job was started.
        checkpoint_age_sec: since the newest completed checkpoint was triggered; None before one.
        state_bytes: of that checkpoint.
        restarts: how often the job came back.
        watermark_age_sec: how far the slowest task's input is behind the clock; None while one
            has no watermark, and while Flink's figures are old.
        failure: the last one.
        figures_old: whether Flink has stopped to renew the figures of its tasks. Flink 1.19 has
            been seen to do so for good after SIGKILL of a TaskManager.
    """

    job: FlinkJob | None
    running_share: float = 0.0
    age_sec: float = 0.0
    checkpoint_age_sec: float | None = None
    state_bytes: int | None = None
    restarts: int = 0
    watermark_age_sec: float | None = None
    failure: Failure | None = None
    figures_old: bool = False


def job_health(address: str, job_id: str | None = None, ours: Pick | None = None) -> JobHealth:
    """Returns how the job is; of the last one when none lives.

    Args:
        job_id: which job; without it the one that lives.
        ours: picks one where several live, None for "cannot say".

    Raises:
        FlinkError: Flink does not answer, there is no such job, or several live.
    """
    client = FlinkClient(address)
    job = client.job(job_id) if job_id else _only_job(client, ours)
    if job is None:
        return JobHealth(None)
    failures = client.failures_of(job)
    restarts = job_facts.restarts(client, job, failures)
    failure = next(iter(failures), None)
    if not job.lives:
        return JobHealth(job, restarts=restarts, failure=failure)
    try:
        return _living(client, job)._replace(restarts=restarts, failure=failure)
    except (KeyError, TypeError, ValueError) as error:
        raise FlinkError(
            f"Flink does not answer at {address} as expected ({type(error).__name__}). Hint: is "
            "that the REST port of the JobManager?"
        ) from None


def _living(client: FlinkClient, job: FlinkJob) -> JobHealth:
    details = client.details(job.job_id)
    counts = details["status-counts"]
    newest = client.checkpoints(job.job_id).newest
    watermarks = [
        int(each["value"])
        for vertex in details["vertices"]
        for each in client.get(f"/jobs/{job.job_id}/vertices/{vertex['id']}/watermarks")
    ]
    figures_old = _figures_old(details, client.get(f"/jobs/{job.job_id}/metrics?get=uptime"))
    return JobHealth(
        job,
        counts["RUNNING"] / max(1, sum(counts.values())),
        time.time() - job.started_at.timestamp(),
        None if newest is None else time.time() - newest.triggered_at.timestamp(),
        None if newest is None else newest.state_bytes,
        0,
        None
        if figures_old
        else _age_sec([each for each in watermarks if each != _WATERMARK_AT_END]),
        figures_old=figures_old,
    )


def _figures_old(details: dict[str, Any], figures: list[dict[str, str]]) -> bool:
    """Returns whether Flink's figures are of long ago, or of a time before it last began to run.

    The figure `uptime` is the time since then, so it tells when it was taken.
    """
    if not figures:  # not taken yet
        return False
    taken_ms = int(details["timestamps"]["RUNNING"]) + int(figures[0]["value"])
    return abs(int(details["now"]) - taken_ms) > FIGURES_OLD_SEC * 1_000


def _only_job(client: FlinkClient, ours: Pick | None) -> FlinkJob | None:
    """Returns the job that lives, or the last one that did."""
    jobs = client.jobs()
    living = [job for job in jobs if job.lives]
    if len(living) > 1:
        picked = ours(living) if ours else None
        if picked is None:
            names = ", ".join(f"{job.job_id} ({job.name})" for job in living)
            raise FlinkError(
                f"exactly one living job is required, found {len(living)}: {names}. Hint: name it "
                "with --flink_job."
            )
        return picked
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    ended = max(jobs, key=lambda job: job.ended_at or never, default=None)
    return living[0] if living else ended


def _age_sec(watermarks: list[int]) -> float | None:
    if not watermarks or min(watermarks) == _NO_WATERMARK_YET:
        return None
    return time.time() - min(watermarks) / 1_000

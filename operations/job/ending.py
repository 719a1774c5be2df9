"""A planned end of a job, noted in the table `runs`."""

from __future__ import annotations

from typing import NamedTuple

from operations.errors import OperatorError
from operations.flink_client import FlinkClient, FlinkJob
from operations.job.find_job import NoSuchJob, Target
from operations.runs.run import CANCELLED
from operations.who import user_at_host


class DidNotEnd(OperatorError):
    """The job was asked to end, and had not when the time was over."""


class Ended(NamedTuple):
    """A job that has ended.

    Attributes:
        noted: whether `runs` was told that its run has ended.
    """

    job: FlinkJob
    noted: bool


def cancel(client: FlinkClient, target: Target, wait_sec: float) -> Ended:
    """Cancels a job and returns once it has ended; one that has ended already is left as it is.

    Raises:
        DidNotEnd: it had not within `wait_sec`.
        FlinkError: Flink does not answer.
        CannotStart: BigQuery does not answer.
    """
    job = target.job
    why = f"its job had ended before: {job.state}"
    if job.lives:
        client.ask_to_cancel(job.job_id)
        job = _end_of(client, job, wait_sec)
        why = f"cancelled by {user_at_host()}"
    return _noted(target, job, why)


def savepoint(client: FlinkClient, target: Target, wait_sec: float, stop: bool = False) -> str:
    """Returns the URI of a savepoint; the job goes on unless `stop`. Raises as `cancel` does."""
    if not target.job.lives:
        raise NoSuchJob(
            f"{target.job.describe()} has ended, so no savepoint can be taken of it. Hint: its "
            "newest checkpoint is found by --resume=FOLDER."
        )
    return client.savepoint(target.job.job_id, wait_sec, cancel=stop)


def stop(client: FlinkClient, target: Target, wait_sec: float) -> tuple[str, Ended]:
    """Ends a job by a savepoint; returns its URI. Raises as `cancel` does."""
    uri = savepoint(client, target, wait_sec, stop=True)
    try:
        job = _end_of(client, target.job, wait_sec)
        return uri, _noted(target, job, f"stopped with {uri} by {user_at_host()}")
    except OperatorError as error:  # the next launch begins with it, and Flink forgets the job
        error.args = (f"its savepoint is {uri}, but {error}",)
        raise


def _end_of(client: FlinkClient, job: FlinkJob, wait_sec: float) -> FlinkJob:
    ended = client.wait_for_end(job.job_id, wait_sec)
    if ended.lives:
        raise DidNotEnd(
            f"{ended.describe()}, has not ended within {wait_sec:g} s. Hint: it may wait for "
            f"a TaskManager that is gone; `payments job show --flink={client.address} "
            f"--job_id={job.job_id}`"
        )
    return ended


def _noted(target: Target, job: FlinkJob, why: str) -> Ended:
    """Tells `runs` of an end, unless the run is known to have ended."""
    run, table = target.run, target.table
    if run is None or table is None or run.ended_at is not None:
        return Ended(job, noted=False)
    try:
        # Who waits for the job may have seen its end first, and knows less.
        table.end(run.claim_id, why, instead_of=CANCELLED)
    except OperatorError as error:
        hint = "Hint: `payments job cancel` again notes it"
        error.args = (f"{job.describe()}, but `runs` was not told: {error}. {hint}",)
        raise
    return Ended(job, noted=True)

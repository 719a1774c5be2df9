"""Asks the runner, as far as it can be asked, whether the job of an earlier run still runs."""

from __future__ import annotations

import contextlib
import enum
import time
from typing import NamedTuple

from operations.errors import FlinkError
from operations.flink_client import CANCEL_SEC, FlinkClient
from operations.runs import run_jobs
from operations.runs.run import Run

_POLL_SEC = 0.5


class Fate(enum.Enum):
    """What is known of a job."""

    RUNS = "runs"
    ENDED = "ended"
    GONE = "gone"  # its cluster knows no such job
    UNKNOWN = "unknown"


class EarlierJob(NamedTuple):
    """What became of the job of a run.

    Attributes:
        how: how that is known, for a sentence.
    """

    fate: Fate
    how: str
    job_id: str | None = None


def of(run: Run, flink: str | None) -> EarlierJob:
    """Returns what became of a run's job.

    Args:
        flink: host:port of Flink's REST interface, None where nobody named it.
    """
    if run.runner != "FlinkRunner":
        return EarlierJob(Fate.UNKNOWN, f"nothing here can ask {run.runner}")
    if flink is None:
        return EarlierJob(Fate.UNKNOWN, "no --flink says where Flink could be asked")
    try:
        job = run_jobs.job_of(run, FlinkClient(flink).jobs())
    except FlinkError as error:
        return EarlierJob(Fate.UNKNOWN, str(error))
    if job is None:
        return EarlierJob(Fate.GONE, f"Flink at {flink} knows no job named {run.job_name}")
    fate = Fate.RUNS if job.lives else Fate.ENDED
    how = f"Flink at {flink} says that job {job.job_id} is {job.state}"
    return EarlierJob(fate, how, job.job_id)


def cancelled(job: EarlierJob, run: Run, flink: str) -> bool:
    """Cancels the job of a run; returns whether Flink then says that it has ended."""
    assert job.job_id is not None, "a job without an id cannot be asked to end"
    client = FlinkClient(flink)
    deadline = time.monotonic() + CANCEL_SEC
    while time.monotonic() < deadline:
        with contextlib.suppress(FlinkError):  # of() tells whether it answers
            client.ask_to_cancel(job.job_id)
        if of(run, flink).fate is Fate.ENDED:
            return True
        time.sleep(_POLL_SEC)
    return False

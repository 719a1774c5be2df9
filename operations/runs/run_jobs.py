"""Finds the job of a run on Flink, and the run of a job: they share a name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from operations.flink_client import FlinkJob
from operations.runs.run import Run

# Another job may have had the same name before; and a launcher's clock is not Flink's.
_CLOCKS_APART = dt.timedelta(minutes=1)


def job_of(run: Run, jobs: Iterable[FlinkJob]) -> FlinkJob | None:
    """Returns the job of a run, None where Flink knows none: one that lives before an ended one."""
    ours = [job for job in jobs if _belong_together(run, job)]
    return max(ours, key=lambda job: (job.lives, job.started_at), default=None)


def run_of(job: FlinkJob, chain: Sequence[Run]) -> Run | None:
    """Returns the run that launched a job, None where none of `chain` did."""
    return next((run for run in reversed(chain) if _belong_together(run, job)), None)


def _belong_together(run: Run, job: FlinkJob) -> bool:
    return run.job_name == job.name and job.started_at >= run.started_at - _CLOCKS_APART

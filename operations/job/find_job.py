"""Finds the job that is meant: by Flink's id, or as that of a run of a dataset."""

from __future__ import annotations

import dataclasses

from operations.errors import OperatorError
from operations.flink_client import FlinkClient, FlinkJob
from operations.runs import run_jobs
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable


class NoSuchJob(OperatorError):
    """Flink or the table `runs` was asked, and there is no such job."""


@dataclasses.dataclass(frozen=True)
class Target:
    """A job, and the run that launched it where the dataset was named.

    Attributes:
        table: of that run, to note its end.
    """

    job: FlinkJob
    run: Run | None = None
    table: RunsTable | None = None

    def describe(self) -> str:
        """Returns which job, and which run, in a line."""
        run = f", of run {self.run.run_id}" if self.run else ""
        return f"{self.job.describe()}{run}"


def find(
    client: FlinkClient,
    job_id: str | None,
    dataset: str | None,
    endpoint: str | None,
    run_id: str | None,
) -> Target:
    """Returns the job that is meant.

    Args:
        job_id: Flink's id; without it the job of a run.
        dataset: PROJECT.DATASET whose table `runs` is asked.
        endpoint: host:port of a stand-in for BigQuery.
        run_id: of the run; without it the one that holds the tables.

    Raises:
        NoSuchJob: there is none.
        FlinkError: Flink does not answer, or knows no such job.
        CannotStart: BigQuery does not answer.
    """
    if dataset is None:
        assert job_id is not None, "a job is named by its id or by its dataset"
        return Target(client.job(job_id))
    table = RunsTable(dataset, endpoint)
    chain = [run for run in table.rows_if_any() if not run.is_root]
    if job_id is not None:
        job = client.job(job_id)
        run = run_jobs.run_of(job, chain)
        if run is None or run_id not in (None, run.run_id):
            raise NoSuchJob(
                f"{job.describe()} belongs to no run {run_id or ''} of {dataset}. Hint: `payments "
                f"runs list --bigquery_dataset={dataset}` tells their jobs' names."
            )
        return Target(job, run, table)
    run = _run(chain, dataset, run_id)
    found = run_jobs.job_of(run, client.jobs())
    if found is None:
        raise NoSuchJob(
            f"Flink at {client.address} knows no job of {run.describe()}, named {run.job_name}. "
            "Hint: is it another cluster, or was it started again since?"
        )
    return Target(found, run, table)


def _run(chain: list[Run], dataset: str, run_id: str | None) -> Run:
    wanted = [run for run in chain if run_id in (None, run.run_id)]
    if not wanted:
        named = f" {run_id}" if run_id else ""
        raise NoSuchJob(
            f"no run{named} has held the tables of {dataset}. Hint: `payments runs list "
            f"--bigquery_dataset={dataset}`"
        )
    return wanted[-1]

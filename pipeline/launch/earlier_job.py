"""Asks the runner, as far as it can be asked, whether the job of an earlier run still runs."""

from __future__ import annotations

import enum
import time
from typing import NamedTuple

import requests

from operations.runs.run import Run

_TIMEOUT_SEC = 10
# Flink cancels a job within seconds; one that waits for a dead TaskManager takes its heartbeat.
_CANCEL_SEC = 60
_POLL_SEC = 0.5
_CLOCKS_APART_MS = 60_000
_ENDED = {"FINISHED", "CANCELED", "FAILED"}


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
        response = requests.get(f"http://{flink}/jobs/overview", timeout=_TIMEOUT_SEC)
        response.raise_for_status()
        jobs = [dict(job) for job in response.json()["jobs"]]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        return EarlierJob(Fate.UNKNOWN, f"Flink does not answer at {flink}: {type(error).__name__}")
    # Another job may have had the same name before.
    began_ms = run.started_at.timestamp() * 1_000 - _CLOCKS_APART_MS
    ours = [
        job for job in jobs if job["name"] == run.job_name and int(job["start-time"]) >= began_ms
    ]
    if not ours:
        return EarlierJob(Fate.GONE, f"Flink at {flink} knows no job named {run.job_name}")
    newest = max(ours, key=lambda job: (job["state"] not in _ENDED, int(job["start-time"])))
    state, number = str(newest["state"]), str(newest["jid"])
    if all(job["state"] in _ENDED for job in ours):
        return EarlierJob(Fate.ENDED, f"Flink at {flink} says that job {number} is {state}", number)
    return EarlierJob(Fate.RUNS, f"Flink at {flink} says that job {number} is {state}", number)


def cancelled(job: EarlierJob, run: Run, flink: str) -> bool:
    """Cancels the job of a run; returns whether Flink then says that it has ended."""
    deadline = time.monotonic() + _CANCEL_SEC
    while time.monotonic() < deadline:
        try:
            url = f"http://{flink}/jobs/{job.job_id}?mode=cancel"
            requests.patch(url, timeout=_TIMEOUT_SEC)
        except requests.RequestException:
            pass  # of() tells whether it answers
        if of(run, flink).fate is Fate.ENDED:
            return True
        time.sleep(_POLL_SEC)
    return False

"""Asks Flink about the job, through its REST interface, by address alone."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import requests

from operations.errors import CannotCheck

_TIMEOUT_SEC = 10
# Flink's names for "nothing yet" and "all is over".
_NO_WATERMARK_YET, _WATERMARK_AT_END = -(2**63), 2**63 - 1


class JobHealth(NamedTuple):
    """How a job is.

    Attributes:
        running_share: tasks that run, of all.
        checkpoint_age_sec: since the newest completed checkpoint was triggered; None before one.
        state_bytes: of that checkpoint.
        restarts: how often the job came back from a checkpoint.
        watermark_age_sec: how far the slowest task's input is behind the clock; None while one
            has no watermark.
    """

    running_share: float
    checkpoint_age_sec: float | None
    state_bytes: int | None
    restarts: int
    watermark_age_sec: float | None


def job_health(address: str, job: str | None = None) -> JobHealth:
    """Returns how the job is; without `job` there must be exactly one that lives.

    Raises:
        CannotCheck: Flink does not answer, or there is no such job.
    """
    try:
        return _job_vitals(f"http://{address}", job)
    except (requests.RequestException, KeyError, ValueError) as error:
        raise CannotCheck(
            f"Flink does not answer at {address} as expected ({type(error).__name__}). Hint: is "
            "that the REST port of the JobManager?"
        ) from None


def _job_vitals(url: str, job: str | None) -> JobHealth:
    job = job or _only_job(url)
    details = _get(url, f"/jobs/{job}")
    counts = details["status-counts"]
    checkpoints = _get(url, f"/jobs/{job}/checkpoints")
    newest = (checkpoints.get("latest") or {}).get("completed")
    watermarks = [
        int(each["value"])
        for vertex in details["vertices"]
        for each in _get(url, f"/jobs/{job}/vertices/{vertex['id']}/watermarks")
    ]
    return JobHealth(
        counts["RUNNING"] / max(1, sum(counts.values())),
        None if newest is None else time.time() - newest["trigger_timestamp"] / 1_000,
        None if newest is None else newest["state_size"],
        checkpoints["counts"]["restored"],
        _age_sec([each for each in watermarks if each != _WATERMARK_AT_END]),
    )


def _only_job(url: str) -> str:
    jobs = _get(url, "/jobs")["jobs"]
    living = [each["id"] for each in jobs if each["status"] in ("RUNNING", "RESTARTING", "CREATED")]
    if len(living) != 1:
        raise CannotCheck(
            f"exactly one living job is required, found {len(living)}"
            + (f": {', '.join(living)}. Hint: name it with --flink_job." if living else ".")
        )
    return str(living[0])


def _age_sec(watermarks: list[int]) -> float | None:
    if not watermarks or min(watermarks) == _NO_WATERMARK_YET:
        return None
    return time.time() - min(watermarks) / 1_000


def _get(url: str, path: str) -> Any:
    response = requests.get(url + path, timeout=_TIMEOUT_SEC)
    if response.status_code == 404:
        raise CannotCheck(f"Flink knows no {path}. Hint: --flink_job must name a job of its own.")
    response.raise_for_status()
    return response.json()

"""Tells whoever waits for a job on Flink how it fares: its state, and each of its failures."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from operations.errors import FlinkError
from operations.flink_client import FlinkClient, FlinkJob
from operations.flink_failures import Failure

_LOOK_EVERY_SEC = 2.0
# A person who looks at a terminal should not wonder; a log should not fill.
_STATUS_EVERY_SEC = 60.0


class JobWatch:
    """Looks at one job, by the name under which it was submitted.

    Args:
        say: is given a line.
    """

    def __init__(self, client: FlinkClient, job_name: str, say: Callable[[str], object]) -> None:
        self._client = client
        self._job_name = job_name
        self._say = say
        self._seen: set[Failure] = set()
        self._away = False
        self._told = ("", False)
        self._told_at = 0.0

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        """Looks again and again for the length of a with-block, beside what it does."""
        over = threading.Event()

        def look_on() -> None:
            while not over.wait(_LOOK_EVERY_SEC):
                self.look()

        thread = threading.Thread(target=look_on, name="failure watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()

    def look(self) -> None:
        """Tells what is new. A Flink that does not answer is told once, until it answers again."""
        try:
            job = self._job()
            failures = [] if job is None else self._client.failures(job.job_id)
        except FlinkError as error:
            if not self._away:
                self._say(f"failures of the job cannot be told meanwhile: {error}")
            self._away = True
            return
        self._away = False
        # The failure that ended a job is told as its end.
        last = failures[:1] if job is not None and not job.lives else []
        for failure in reversed(failures):
            if failure not in self._seen:
                self._seen.add(failure)
                if failure not in last:
                    self._tell(failure)
        if job is not None and job.lives:
            self._tell_status(job)

    def _tell_status(self, job: FlinkJob) -> None:
        """Tells how a job is when that has changed, and now and then."""
        newest = None
        with contextlib.suppress(FlinkError):  # a job that has not come up has none
            newest = self._client.checkpoints(job.job_id).newest
        status = (job.state, newest is not None)
        if status == self._told and time.monotonic() - self._told_at < _STATUS_EVERY_SEC:
            return
        self._told, self._told_at = status, time.monotonic()
        saved = "no checkpoint yet, so no rows are queryable"
        if newest is not None:
            age_sec = time.time() - newest.triggered_at.timestamp()
            saved = f"newest checkpoint {age_sec:.0f} s old, {newest.state_bytes / 1e6:.1f} MB"
        since_sec = time.time() - job.started_at.timestamp()
        self._say(
            f"Flink's job {job.job_id}: {job.state}, {since_sec:.0f} s after its start; {saved}"
        )

    def _tell(self, failure: Failure) -> None:
        self._say(
            f"the job failed at {failure.at:%H:%M:%S} UTC and Flink starts it again (restart "
            f"{len(self._seen)}): {failure.cause}"
        )

    def last(self) -> Failure | None:
        """Returns the newest failure, None when there is none or Flink does not answer."""
        with contextlib.suppress(FlinkError):
            job = self._job()
            return next(iter(self._client.failures_of(job)), None) if job else None
        return None

    def _job(self) -> FlinkJob | None:
        """Returns the newest job of that name."""
        return next((job for job in self._client.jobs() if job.name == self._job_name), None)

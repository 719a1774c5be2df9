"""The time for which a call to BigQuery is repeated."""

from __future__ import annotations

import time

from google.api_core import retry

from transforms.bigquery.errors import CannotWrite

# Longer than BigQuery's outages of a node (seconds) and shorter than a person's patience. When it
# is over the runner takes the work up again: Flink restarts the job, Dataflow the bundle.
GIVE_UP_SEC = 300.0
_FIRST_PAUSE_SEC = 0.1
_PAUSE_SEC_MAX = 5.0


class Patience:
    """Pauses that grow, until the time for them is over.

    Args:
        what: names what is tried, for the error.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._pauses = retry.exponential_sleep_generator(_FIRST_PAUSE_SEC, _PAUSE_SEC_MAX)
        self._until = time.monotonic() + GIVE_UP_SEC

    def pause(self, why: str) -> None:
        """Waits before the next attempt. Raises CannotWrite when there have been enough."""
        if time.monotonic() > self._until:
            raise CannotWrite(
                f"BigQuery would not {self._what} for {GIVE_UP_SEC:g} s; its last answer: {why}. "
                "Hint: is it reachable, and within its quotas? Nothing is lost or skipped: the "
                "same rows come again when the job goes on."
            )
        time.sleep(next(self._pauses))

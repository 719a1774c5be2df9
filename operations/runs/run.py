"""A launch, as its row in the table `runs` tells it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from operations.who import user_at_host
from transforms.payment.tables import RUNS

# The row that the first launch follows: nobody's.
ROOT = "root"
# How the note on a run begins that never became a job.
NOT_SUBMITTED = "not submitted: "
# The same, of one that somebody ended by hand.
BY_HAND = "by hand: "
# The note of a launcher that waited for a job and saw that it was cancelled, not by whom.
CANCELLED = "cancelled"


@dataclasses.dataclass(frozen=True)
class Run:
    """One row of `runs`; its fields are the columns (transforms/payment/tables.py)."""

    claim_id: str
    run_id: str
    started_at: dt.datetime
    launched_by: str
    pipeline_version: str
    followed_by: str | None = None
    ended_at: dt.datetime | None = None
    ended_why: str | None = None
    began_with: str | None = None
    image: str | None = None
    runner: str | None = None
    job_name: str | None = None
    job_id: str | None = None
    topics: str | None = None
    consumer_group: str | None = None
    start_offsets: str | None = None
    allowed_lateness_sec: int | None = None
    clock_skew_sec: int | None = None
    account_memory_sec: int | None = None
    shards: int | None = None
    contract: str | None = None
    contract_document: str | None = None
    arrival: str | None = None
    arrival_slack_sec: int | None = None

    @property
    def is_root(self) -> bool:
        """Returns whether this row stands for nobody."""
        return self.claim_id == ROOT

    @property
    def stands(self) -> bool:
        """Returns whether it may write: no other follows it, and it is not known to have ended."""
        return not self.is_root and self.followed_by is None and self.ended_at is None

    @property
    def may_have_written(self) -> bool:
        """Returns whether there was a job, as far as is known."""
        return not self.is_root and not (self.ended_why or "").startswith(NOT_SUBMITTED)

    @property
    def ended_by_hand(self) -> bool:
        """Returns whether a person said that it has ended; its job may still be there."""
        return (self.ended_why or "").startswith(BY_HAND)

    @property
    def topic_ids(self) -> dict[str, str]:
        """Returns Kafka's id of each topic, by its name."""
        return json.loads(self.topics) if self.topics else {}

    def describe(self) -> str:
        """Returns who runs, since when, and as which job, in a line."""
        started = f"{self.started_at:%Y-%m-%d %H:%M:%S} UTC"
        submitted = f"as job {self.job_id}" if self.job_id else "not known to be submitted"
        return (
            f"run {self.run_id} of {self.launched_by}, {self.runner}, version "
            f"{self.pipeline_version}, since {started}, {submitted}"
        )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Run:
        """Returns the run that a row holds; columns of a later version are passed over."""
        values: dict[str, Any] = {name: row.get(name) for name in RUNS.column_names}
        return cls(**values)


def root(version: str) -> Run:
    """Returns the row that the first launch of a dataset follows."""
    return Run(ROOT, "", dt.datetime.now(dt.UTC), user_at_host(), version)

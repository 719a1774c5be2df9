"""Turns what a source said into samples. Pure decisions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from operations.flink_client import FlinkJob
from operations.flink_failures import Failure
from operations.health.flink_side import JobHealth
from operations.health.tables_side import TableHealth
from operations.health.topic_side import OpenTransaction
from operations.reconcile.truth import OffsetRange, Partition
from operations.reconcile.verdicts import Verdict
from operations.runs import run_jobs
from operations.runs.run import Run
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome

# The name of an error's class, which begins the line of a cause; a message is no label.
_KIND = re.compile(r"([A-Za-z_]\w{0,63})(?::|$)", re.ASCII)
_OTHER_KIND = "other"


class Sample(NamedTuple):
    """A value of a metric (metric_names.py), with its labels in the order declared there."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


def of_topics(
    ranges: Sequence[OffsetRange], transactions: Sequence[OpenTransaction]
) -> Iterator[Sample]:
    """Yields what Kafka alone says."""
    for span in ranges:
        place = (span.topic, str(span.partition))
        yield Sample("payments_topic_begin_offset", span.start, place)
        yield Sample("payments_topic_end_offset", span.end, place)
    oldest_sec = max((each.age_sec for each in transactions), default=0.0)
    held_back = sum(each.held_back for each in transactions)
    yield Sample("payments_open_transactions", len(transactions))
    yield Sample("payments_open_transaction_age_seconds", oldest_sec)
    yield Sample("payments_open_transaction_records", held_back)


def of_waiting(
    waiting: Mapping[Partition, int], newest_row_age_sec: float | None
) -> Iterator[Sample]:
    """Yields what Kafka says of a look at the tables."""
    for (topic, partition), records in waiting.items():
        yield Sample("payments_lag_records", records, (topic, str(partition)))
    # A topic without traffic has no new rows, and is well.
    age_sec = newest_row_age_sec if any(waiting.values()) else 0.0
    if age_sec is not None:
        yield Sample("payments_newest_row_age_seconds", age_sec)


def of_tables(found: TableHealth, reasons: Mapping[str, int], window_sec: int) -> Iterator[Sample]:
    """Yields what the tables say. What did not occur is 0, so that rates can be told."""
    for (topic, partition), offset in found.reach.items():
        yield Sample("payments_reach_offset", offset, (topic, str(partition)))
    if found.newest:
        newest = max(found.newest.values())
        yield Sample("payments_newest_row_timestamp_seconds", newest.timestamp())
    for outcome in Outcome:
        count = found.recent.get(outcome, 0)
        yield Sample("payments_recent_records", count, (outcome.value,))
    for reason in sorted({each.value for each in Reason} | reasons.keys()):
        yield Sample("payments_recent_dead_letters", reasons.get(reason, 0), (reason,))
    yield Sample("payments_recent_window_seconds", window_sec)
    yield Sample("payments_duplicate_ratio", found.duplicate_ratio)
    yield Sample("payments_dead_letter_ratio", found.dead_letter_ratio)


def of_audit(chain: Sequence[Run], verdict: Verdict | None) -> Iterator[Sample]:
    """Yields who holds the tables, and what the last reconciliation found."""
    yield Sample("payments_claim_held", bool(chain) and chain[-1].stands)
    if chain and not chain[-1].is_root:
        yield Sample("payments_claim_timestamp_seconds", chain[-1].started_at.timestamp())
    if verdict is None:
        return
    yield Sample("payments_reconcile_balanced", verdict.balanced)
    yield Sample("payments_reconcile_missing", verdict.missing)
    yield Sample("payments_reconcile_double", verdict.double)
    yield Sample("payments_reconcile_unknown", verdict.unknown)
    age_sec = (dt.datetime.now(dt.UTC) - verdict.finished_at).total_seconds()
    done_at = verdict.finished_at.timestamp()
    yield Sample("payments_reconcile_last_run_timestamp_seconds", done_at)
    yield Sample("payments_reconcile_age_seconds", age_sec)


def of_job(found: JobHealth) -> Iterator[Sample]:
    """Yields how the job is; what it cannot have yet is left out."""
    lives = found.job is not None and found.job.lives
    yield Sample("payments_job_lives", lives)
    yield Sample("payments_stopped_tasks", 1 - found.running_share if lives else 1.0)
    for name, value in (
        ("payments_checkpoint_age_seconds", found.checkpoint_age_sec),
        ("payments_state_bytes", found.state_bytes),
        ("payments_watermark_age_seconds", found.watermark_age_sec),
        ("payments_restarts", found.restarts if found.job else None),
    ):
        if value is not None:
            yield Sample(name, value)
    if found.failure is not None:
        kind = kind_of(found.failure)
        yield Sample("payments_last_failure_age_seconds", found.failure.age_sec, (kind,))


def of_claims(jobs: Sequence[FlinkJob], chain: Sequence[Run]) -> Iterator[Sample]:
    """Yields how many jobs live that belong to a run which no longer holds the tables."""
    runs = [run_jobs.run_of(job, chain) for job in jobs if job.lives]
    lost = sum(1 for run in runs if run is not None and not run.stands)
    yield Sample("payments_claim_lost", lost)


def kind_of(failure: Failure) -> str:
    """Returns the class of the error, `other` where the cause does not begin with one."""
    match = _KIND.match(failure.cause)
    return match[1] if match else _OTHER_KIND

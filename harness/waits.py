"""Waits until a job is where a fault hurts most."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.progress import Snapshot, Watch
from operations import bigquery_client
from transforms.payment.outcome import Outcome
from transforms.payment.tables import TRANSACTIONS


def wait_for_rows(e2e_run: E2ERun, job: str, timeout_sec: float) -> Snapshot:
    """Returns once payments are queryable: the job is in the middle of its work."""
    watch = Watch(e2e_run, job)
    try:
        deadline = time.monotonic() + timeout_sec
        while time.monotonic() < deadline:
            snapshot = watch.look()
            if snapshot.rows[Outcome.ACCEPTED] > 0:
                return snapshot
            time.sleep(0.2)
    finally:
        watch.close()
    raise HarnessError(f"no payment became queryable within {timeout_sec:.0f} s")


def wait_for_rows_ahead_of_a_checkpoint(e2e_run: E2ERun, job: str, timeout_sec: float) -> None:
    """Returns once rows were flushed that no checkpoint covers: what the patch forbids.

    None may be under way either: completing before a fault comes, it would cover them.
    """
    deadline = time.monotonic() + timeout_sec
    while time.monotonic() < deadline:
        before = e2e_run.flink.checkpoints(job).completed
        rows = wait_for_rows(e2e_run, job, timeout_sec).queryable
        time.sleep(1.2)
        more = wait_for_rows(e2e_run, job, timeout_sec).queryable
        no_other = e2e_run.flink.checkpoints(job).completed == before
        if more > rows and no_other and not e2e_run.flink.checkpoint_under_way(job):
            return
    raise HarnessError("every row waited for a checkpoint: is the flush really not held back?")


# For the control: so long between checkpoints that a kill is sure to meet rows which none covers.
# At five seconds, on a busy machine, one is nearly always under way.
SELDOM_CHECKPOINTS = ("--checkpointing_interval=20000",)


def kill_until_rows_double(
    e2e_run: E2ERun, job: str, kill: Callable[[], None], timeout_sec: float
) -> None:
    """Kills when rows are ahead of a checkpoint, again and again, until some stand twice.

    For the control without the patch. One kill is not enough: a checkpoint may begin and complete
    between the look and the kill, and then covers what was flushed.
    """
    deadline = time.monotonic() + timeout_sec
    while not rows_too_many(e2e_run):
        if time.monotonic() > deadline:
            raise HarnessError(
                f"no row stood twice within {timeout_sec:.0f} s: is the flush not held back?"
            )
        wait_for_rows_ahead_of_a_checkpoint(e2e_run, job, timeout_sec)
        kill()
        e2e_run.flink.wait_for_checkpoint(job, timeout_sec)


def rows_too_many(e2e_run: E2ERun) -> int:
    """Returns how many rows of `transactions` are of a record that has one already."""
    endpoints = e2e_run.endpoints
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    table = f"`{endpoints['project']}.{e2e_run.name}.{TRANSACTIONS.name}`"
    place = "CONCAT(CAST(kafka_partition AS STRING), '/', CAST(kafka_offset AS STRING))"
    [[rows, places]] = client.query(
        f"SELECT COUNT(*), COUNT(DISTINCT {place}) FROM {table}"
    ).result()
    return int(rows) - int(places)

"""When is a job where a fault hurts most? Waits for such moments."""

from __future__ import annotations

import time

from harness.errors import HarnessError
from harness.progress import Snapshot, Watch
from harness.rehearsal import Rehearsal
from transforms.contract.outcome import Outcome


def wait_for_rows(rehearsal: Rehearsal, job: str, timeout_sec: float) -> Snapshot:
    """Returns once payments are queryable: the job is in the middle of its work."""
    watch = Watch(rehearsal, job)
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


def wait_for_rows_ahead_of_a_checkpoint(rehearsal: Rehearsal, job: str, timeout_sec: float) -> None:
    """Returns once rows were flushed that no checkpoint covers: what the mend forbids."""
    deadline = time.monotonic() + timeout_sec
    while time.monotonic() < deadline:
        before = rehearsal.flink.checkpoints(job).completed
        rows = wait_for_rows(rehearsal, job, timeout_sec).queryable
        time.sleep(1.2)
        more = wait_for_rows(rehearsal, job, timeout_sec).queryable
        if more > rows and rehearsal.flink.checkpoints(job).completed == before:
            return
    raise HarnessError("every row waited for a checkpoint: is the mend really out?")

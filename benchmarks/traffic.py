"""Prepares the one topic of payments that all contestants read, and counts the ids in it."""

from __future__ import annotations

from typing import NamedTuple

from harness.e2e_run import E2ERun
from operations.reconcile.ledger import Ledger
from transforms.payment.outcome import Outcome

DUPLICATE_RATIO = 0.01
_FILL_SEC_PER_RECORD = 1 / 2_000  # ten times what it took here: a limit, not an estimate


class Traffic(NamedTuple):
    """A topic that has been filled.

    Attributes:
        e2e_run: whose topic it is.
        distinct: how many transaction_ids there are, by the ledger of what was sent.
    """

    e2e_run: E2ERun
    records: int
    distinct: int


def fill(e2e_run: E2ERun, records: int, seed: int) -> Traffic:
    """Sends payments to a new topic as fast as possible, 1 % of them again."""
    e2e_run.prepare()
    flags = [f"--count={records}", "--rate_per_sec=0", f"--duplicate_ratio={DUPLICATE_RATIO}"]
    e2e_run.simulate([*flags, f"--seed={seed}"]).wait(60 + records * _FILL_SEC_PER_RECORD)
    return Traffic(e2e_run, records, distinct(e2e_run))


def distinct(e2e_run: E2ERun) -> int:
    """Returns how many transaction_ids were sent, by the ledger."""
    [ledger] = e2e_run.ledgers
    return sum(entry.expected is Outcome.ACCEPTED for entry in Ledger(ledger).entries())

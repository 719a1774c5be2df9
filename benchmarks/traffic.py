"""What do all contestants read? One topic of real payments, and how many ids are in it."""

from __future__ import annotations

from typing import NamedTuple

from harness.rehearsal import Rehearsal
from pipeline.reconciliation.ledger import Ledger
from transforms.contract.outcome import Outcome

DUPLICATE_RATIO = 0.01
_FILL_SEC_PER_RECORD = 1 / 2_000  # ten times what it took here: a limit, not an estimate


class Traffic(NamedTuple):
    """A topic that has been filled.

    Attributes:
        rehearsal: whose topic it is.
        distinct: how many transaction_ids there are, by the ledger of what was sent.
    """

    rehearsal: Rehearsal
    records: int
    distinct: int


def fill(rehearsal: Rehearsal, records: int, seed: int) -> Traffic:
    """Sends payments to a new topic as fast as possible, 1 % of them again."""
    rehearsal.prepare()
    flags = [f"--count={records}", "--rate_per_sec=0", f"--duplicate_ratio={DUPLICATE_RATIO}"]
    rehearsal.simulate([*flags, f"--seed={seed}"]).wait(60 + records * _FILL_SEC_PER_RECORD)
    return Traffic(rehearsal, records, distinct(rehearsal))


def distinct(rehearsal: Rehearsal) -> int:
    """Returns how many transaction_ids were sent, by the ledger."""
    [ledger] = rehearsal.ledgers
    return sum(entry.expected is Outcome.ACCEPTED for entry in Ledger(ledger).entries())

"""The contracts by which jobs of the suite read, and what those have skipped."""

from __future__ import annotations

import random
from typing import NamedTuple

from harness import contracts
from harness.e2e_run import E2ERun
from operations import contract_flag
from operations.reconcile.report import Report
from sandbox.sandbox import Sandbox
from transforms.codecs.contract import shipped
from transforms.codecs.contract.load import load_file
from transforms.payment.outcome import Outcome


class Contracts(NamedTuple):
    """Contract files, or names of some that come along; None is our own JSON.

    Attributes:
        shared: of the job that most faults share, and of the controls.
        own: of jobs that a fault has for itself.
    """

    shared: str | None = None
    own: str | None = None


def skipping() -> list[str]:
    """Returns the shipped contracts that skip records and need no registry."""
    loaded = {name: load_file(shipped.path_of(name)) for name in shipped.NAMES}
    return [name for name, each in loaded.items() if each.skips and each.schema.registry is None]


def chosen(said: str | None, mixed: bool, seed: int, pick: str) -> Contracts:
    """Returns the contracts of a suite: the one that is said; else, in a mix, one of ours.

    In a mix a fault's own job reads by a contract that skips: it costs no further job.
    """
    if said is not None:
        return Contracts(said, said)
    if not mixed:
        return Contracts()
    return Contracts(own=random.Random(f"{seed}:{pick}:contract").choice(skipping()))


def prepared(run: E2ERun, sandbox: Sandbox, said: str | None) -> E2ERun:
    """Returns a run by a contract, its topic and tables made."""
    if said is not None:
        run = contracts.speaking(run, sandbox, said)
    run.prepare()
    return run


class SkippedRecords:
    """Counts what the books have as skipped, fault by fault."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._more: int | None = None

    def add(self, run: E2ERun, report: Report) -> None:
        """Adds the books of a run; without a contract that skips they say nothing."""
        if not contract_flag.named(run.contract).skips:
            return
        count = report.counts.outcomes[Outcome.SKIPPED]
        self._more = (self._more or 0) + count - self._before.get(run.name, 0)
        self._before[run.name] = count

    def since_last(self) -> int | None:
        """Returns how many came since it was last asked; None when no contract skips any."""
        more, self._more = self._more, None
        return more

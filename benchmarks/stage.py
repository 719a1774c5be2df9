"""The stage that all contestants share: where they run, what they read, what is measured."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.traffic import Traffic
from harness.e2e_run import E2ERun
from sandbox.sandbox import Sandbox

# The first records pass while everybody starts and compiles: they are not measured.
WARM_UP_SHARE = 0.2
# The same for every contestant on Beam: seldom checkpoints, for throughput.
TUNED = ("--checkpointing_interval=10000",)
# Peers remember ids for as long, and checkpoint as often.
HORIZON_SEC = 3_900
POLL_SEC = 1.0
STALLED_SEC = 180


class Stage(NamedTuple):
    """Where it takes place.

    Attributes:
        flags: of the pipeline, behind TUNED, for contestants that are launched as it is.
    """

    sandbox: Sandbox
    folder: Path
    traffic: Traffic
    say: Callable[[str], None]
    flags: tuple[str, ...] = ()


class Measured(NamedTuple):
    """How one contestant did.

    Attributes:
        kept: how many ids it found; must be those of the ledger unless it remembers nothing.
        expected: how many it must find.
        rate_per_sec: records per second, without the first fifth.
        cpu_sec: of everything that worked for it, over the whole run.
    """

    name: str
    records: int
    kept: int
    expected: int
    rate_per_sec: float
    cpu_sec: float

    @property
    def exact(self) -> bool:
        """Returns whether it found all ids, each once."""
        return self.kept == self.expected

    @property
    def cpu_sec_per_million(self) -> float:
        """Returns CPU seconds per million records."""
        return self.cpu_sec / self.records * 1e6


@contextmanager
def own_sandbox(folder: str, say: Callable[[str], None]) -> Iterator[Sandbox]:
    """Yields a running sandbox whose Java compiles for speed, which is down again afterwards.

    One that was up before is used as it is, and left up.
    """
    sandbox = Sandbox(folder, peak=True)
    was_up = sandbox.is_up()
    sandbox.up(say)
    try:
        yield sandbox
    finally:
        if not was_up:
            sandbox.down()


def e2e_run_of(stage: Stage, name: str) -> E2ERun:
    """Returns a dataset of its own for a contestant that reads the one topic."""
    own = re.sub(r"\W+", "_", name).lower()
    e2e_run = E2ERun(
        f"bench_{own}_{time.strftime('%H%M%S')}",
        stage.sandbox.endpoints(),
        stage.folder,
        counts=stage.traffic.e2e_run,
        contract=stage.traffic.e2e_run.contract,
    )
    e2e_run.prepare()
    return e2e_run

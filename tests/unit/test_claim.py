"""A launch that fails at any stage gives its tables back, ends its claim, or keeps it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest

from operations.runs.run import NOT_SUBMITTED, Run, root
from pipeline.config import PipelineConfig
from pipeline.launch import door
from pipeline.launch.claim import Claim
from pipeline.launch.door import Door
from transforms import BigQuerySink, KafkaSource

OURS = Run("ours/1", "ours", dt.datetime.now(dt.UTC), "me@here", "test")
BEFORE = dataclasses.replace(OURS, claim_id="before/1", run_id="before", runner="FlinkRunner")


class Table:
    """The table `runs`, which notes what it is asked for."""

    def __init__(self, *chain: Run) -> None:
        self.rows = [*chain]
        self.told: list[tuple[str, ...]] = []

    def chain(self, version: str) -> list[Run]:
        return self.rows

    def rows_if_any(self) -> list[Run]:
        return self.rows

    def add(self, run: Run) -> None:
        self.rows.append(run)

    def take(self, before: Run, claim_id: str) -> bool:
        return True

    def note(self, claim_id: str, **values: object) -> None: ...

    def end(self, claim_id: str, why: str, instead_of: str = "") -> None:
        self.told.append(("end", claim_id, why))

    def give_back(self, before: Run, claim_id: str, why: str) -> None:
        self.told.append(("give back", before.claim_id, why))


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        ([], [("give back", "before/1", f"{NOT_SUBMITTED}x")]),
        ([Claim.writes], [("end", "ours/1", "failed: x")]),
        ([Claim.submitting], []),
        ([Claim.writes, Claim.submitting], []),
        ([Claim.submitting, lambda it: it.submitted("7")], [("end", "ours/1", "failed: x")]),
        ([lambda it: it.submitted("here")], [("end", "ours/1", "failed: x")]),
    ],
    ids=["claimed", "wrote", "asked", "wrote and asked", "submitted", "runs here"],
)
def test_failure_gives_back_only_what_no_job_can_hold(
    stages: list[Callable[[Claim], None]], told: list[tuple[str, ...]]
) -> None:
    """A job that may have been taken keeps its claim, whatever was written before it."""
    table = Table(root("test"), OURS)
    claim = Claim(table, OURS, BEFORE)  # type: ignore[arg-type]
    for stage in stages:
        stage(claim)

    claim.failed("x")

    assert table.told == told


def test_ctrl_c_while_the_run_before_is_fenced_gives_the_tables_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table(root("test"), BEFORE)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(door, "RunsTable", lambda *_: table)
    monkeypatch.setattr(door.time, "sleep", interrupted)
    config = PipelineConfig(
        "FlinkRunner",
        KafkaSource("nowhere:0", ("payments",)),
        BigQuerySink("p", "d", claim_id="ours/1"),
        1,
        1,
        run_id="ours",
        take_over=True,
    )

    with pytest.raises(KeyboardInterrupt):
        Door(config, {}).claim()

    assert table.told == [("give back", "before/1", f"{NOT_SUBMITTED}stopped by Ctrl-C")]

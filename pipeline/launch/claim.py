"""The tables as a launch holds them: what it notes in `runs`, and what becomes of its claim."""

from __future__ import annotations

import enum
import json
import logging
from collections.abc import Callable, Iterable

from operations.errors import CannotStart
from operations.runs.run import NOT_SUBMITTED, Run
from operations.runs.runs_table import RunsTable
from transforms.read_kafka import OffsetRange

_LOG = logging.getLogger("pipeline")


class _Reached(enum.Enum):
    """How far a launch has come, which decides what becomes of its claim should it fail."""

    CLAIMED = "nothing was written or submitted"
    WROTE = "rows were written"
    ASKED = "a job was asked for, and nobody knows whether there is one"
    SUBMITTED = "there is a job"


class Claim:
    """The tables, held by this launch; without a table, of a launch that may not ask for it.

    Nothing here raises when BigQuery is away: the launch continues, and what could not be noted is
    found again by the next one.
    """

    def __init__(
        self, table: RunsTable | None = None, run: Run | None = None, before: Run | None = None
    ) -> None:
        self._table = table
        self._run = run
        self._before = before
        self._reached = _Reached.CLAIMED

    def require(self) -> None:
        """Raises CannotStart when another launch has taken the tables meanwhile."""
        if self._table is None or self._run is None:
            return
        holder = self._table.rows_if_any()[-1]
        if holder.claim_id != self._run.claim_id:
            raise CannotStart(
                f"the tables were taken meanwhile, by {holder.describe()}; nothing was submitted."
            )

    def writes(self) -> None:
        """Tells that rows are written from now on, so that the tables cannot be given back."""
        self.require()
        self._reached = _Reached.WROTE

    def submitting(self) -> None:
        """Tells that from now on nobody knows whether there is a job, until `submitted`."""
        self.require()
        self._reached = _Reached.ASKED

    def begins_at(self, starts: Iterable[OffsetRange]) -> None:
        """Notes where the job begins to read."""
        offsets: dict[str, dict[str, int]] = {}
        for span in starts:
            offsets.setdefault(span.topic, {})[str(span.partition)] = span.start
        self._try(lambda table, claim: table.note(claim, start_offsets=json.dumps(offsets)))

    def submitted(self, job_id: str | None) -> None:
        """Notes the job."""
        self._reached = _Reached.SUBMITTED
        self._try(lambda table, claim: table.note(claim, job_id=job_id))

    def ended(self, why: object) -> None:
        """Notes that the job has ended."""
        self._try(lambda table, claim: table.end(claim, str(why)))

    def failed(self, why: object) -> None:
        """Notes why, and gives the tables back when nothing was written or submitted."""
        if self._reached is _Reached.CLAIMED:
            self._try(lambda table, claim: self._release(table, claim, why))
        elif self._reached is _Reached.ASKED:
            _LOG.warning(
                "it is not known whether the job was taken, so its claim stays. Hint: the same "
                "--run_id finds it, another launch needs --take_over"
            )
        else:
            self.ended(f"failed: {why}")

    def _release(self, table: RunsTable, claim: str, why: object) -> None:
        text = f"{NOT_SUBMITTED}{why}"
        if self._before is not None and self._before.stands:
            table.give_back(self._before, claim, text)
        else:
            table.end(claim, text)

    def _try(self, change: Callable[[RunsTable, str], None]) -> None:
        if self._table is None or self._run is None:
            return
        try:
            change(self._table, self._run.claim_id)
        except CannotStart as error:
            _LOG.warning(
                "could not write to runs what became of run %s. Hint: the same --run_id finds it "
                "again, another launch needs --take_over: %s",
                self._run.run_id,
                error,
            )

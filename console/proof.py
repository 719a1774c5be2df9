"""Compares the tables with the topic, as `payments reconcile` does, while the page lives on."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading

from console.board import Board
from console.places import Places
from operations.errors import CannotCheck, CannotStart, OperatorError
from operations.reconcile.command import reconcile
from operations.reconcile.report import Report
from operations.reconcile.settings import ReconcileConfig
from operations.reconcile.truth import Limits
from operations.reconcile.verdicts import Verdicts, row_of
from operations.runs import limits

# While payments arrive, the total of the click's minute agrees once that minute is over.
_WAIT_SEC = 150.0
_LINES_MAX = 8


@dataclasses.dataclass(frozen=True)
class Proof:
    """One run of it.

    Attributes:
        lines: what it has told of its progress, the newest last.
        report: None while it runs, or when it could not look.
        problem: why it could not.
    """

    began_at: dt.datetime
    lines: tuple[str, ...] = ()
    report: Report | None = None
    problem: str | None = None
    took_sec: float | None = None

    @property
    def over(self) -> bool:
        """Returns whether it has ended."""
        return self.report is not None or self.problem is not None


class Prover:
    """Runs one proof at a time, and writes its verdict into `reconciliations`."""

    def __init__(self, places: Places, board: Board) -> None:
        self._places = places
        self._board = board
        self._lock = threading.Lock()
        self.newest: Proof | None = None

    @property
    def busy(self) -> bool:
        """Returns whether one runs."""
        return self.newest is not None and not self.newest.over

    def start(self) -> None:
        """Begins one; one that runs already goes on."""
        with self._lock:
            if self.busy:
                return
            self._show(Proof(dt.datetime.now(dt.UTC)))
        threading.Thread(target=self.run, name="proof", daemon=True).start()

    def run(self) -> None:
        """Compares, and shows the verdict or why there is none."""
        try:
            report = self._compare()
        except OperatorError as error:
            self._change(problem=str(error))
        except Exception as error:  # noqa: BLE001 - the button must not wait for ever
            self._change(problem=f"an error of this program: {type(error).__name__}: {error}")
        else:
            self._change(report=report)

    def _compare(self) -> Report:
        places = self._places
        until = dt.datetime.now(dt.UTC)
        judged_by = self._limits()
        config = ReconcileConfig(
            places.topics,
            places.dataset,
            judged_by,
            wait_sec=_WAIT_SEC,
            until_us=int(until.timestamp() * 1_000_000),
        )
        report = reconcile(config, self._tell)
        row = row_of(report, judged_by, until, dt.datetime.now(dt.UTC))
        with contextlib.suppress(CannotCheck):  # the verdict stands, whether it is written or not
            Verdicts(places.dataset).append(row)
        return report

    def _limits(self) -> Limits:
        places = self._places
        try:
            found = limits.of_runs(places.tables, places.dataset.endpoint, None, None, self._tell)
        except CannotStart as error:
            raise CannotCheck(str(error)) from None
        return Limits.of(found)

    def _tell(self, line: str) -> None:
        assert self.newest is not None
        self._change(lines=(*self.newest.lines, line)[-_LINES_MAX:])

    def _change(self, **fields: object) -> None:
        assert self.newest is not None
        proof = dataclasses.replace(self.newest, **fields)  # type: ignore[arg-type]
        if proof.over:
            took = dt.datetime.now(dt.UTC) - proof.began_at
            proof = dataclasses.replace(proof, took_sec=took.total_seconds())
        self._show(proof)

    def _show(self, proof: Proof) -> None:
        self.newest = proof
        self._board.touch()

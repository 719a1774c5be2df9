"""The limits that a job runs with, as the table `runs` tells them: tools need not guess."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

from operations.runs.run import Run
from operations.runs.runs_table import RunsTable
from transforms.codecs.contract import document, extra_columns, shipped
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.mistakes import ContractError
from transforms.payment.arrival import BY_BROKER, LOG_APPEND, Arrival

# Of `python -m pipeline` (options.py), for tables that no run has claimed.
DEFAULT_LATENESS_SEC = 3_600
DEFAULT_SKEW_SEC = 300


class Contradicts(ValueError):
    """A flag says otherwise than the run; the message says both, and a hint."""


class Limits(NamedTuple):
    """What records are judged by: seconds, how their arrival is known, and what they mean.

    Attributes:
        contract_document: of contract/document.py; None is our own JSON.
        columns_changed: whether a run before added other columns by its contract.
    """

    allowed_lateness_sec: int
    clock_skew_sec: int
    arrival: Arrival = BY_BROKER
    contract_document: str | None = None
    columns_changed: bool = False

    @property
    def contract(self) -> Contract:
        """Returns what the job takes the bytes of a record for."""
        said = self.contract_document
        return shipped.native() if said is None else document.of_document(said)


def of_flags(arguments: argparse.Namespace, say: Callable[[str], None]) -> Limits:
    """Returns the limits that a job ran with, as the table `runs` and a tool's flags say.

    Raises:
        Contradicts: a flag says otherwise than the table.
        CannotStart: BigQuery does not answer.
    """
    return of_runs(
        ".".join(arguments.bigquery_dataset),
        arguments.bigquery_endpoint,
        arguments.allowed_lateness_sec,
        arguments.clock_skew_sec,
        say,
    )


def of_runs(
    dataset: str,
    endpoint: str | None,
    lateness_sec: int | None,
    skew_sec: int | None,
    say: Callable[[str], None],
) -> Limits:
    """Returns the limits of the newest run that has written to a dataset.

    Args:
        dataset: PROJECT.DATASET.
        lateness_sec: what a flag says, None without one.
        skew_sec: what a flag says, None without one.
        say: is told when no run says it, or when runs before had other limits.

    Raises:
        Contradicts: a flag says otherwise.
        CannotStart: BigQuery does not answer.
    """
    runs = [
        run
        for run in RunsTable(dataset, endpoint).rows_if_any()
        if run.may_have_written and run.allowed_lateness_sec is not None
    ]
    if not runs:
        found = Limits(
            DEFAULT_LATENESS_SEC if lateness_sec is None else lateness_sec,
            DEFAULT_SKEW_SEC if skew_sec is None else skew_sec,
        )
        say(
            f"no run of {dataset} says its limits; judging by an allowed lateness of "
            f"{found.allowed_lateness_sec} s and a clock skew of {found.clock_skew_sec} s"
        )
        return found
    newest = runs[-1]
    found = _of(newest)
    asked = Limits(
        found.allowed_lateness_sec if lateness_sec is None else lateness_sec,
        found.clock_skew_sec if skew_sec is None else skew_sec,
    )
    for name in ("allowed_lateness_sec", "clock_skew_sec"):
        said, known = getattr(asked, name), getattr(found, name)
        if said != known:
            raise Contradicts(
                f"--{name} must be {known}, as run {newest.run_id} runs with, got {said}. Hint: "
                "drop the flag: the table runs tells the limits."
            )
    if any(_of(run) != found for run in runs):
        say(f"runs before {newest.run_id} had other limits: what they judged may fail here")
    if _columns_changed(runs, found):
        say("the contract's own columns have changed since the first run: they are not compared")
        return found._replace(columns_changed=True)
    return found


def _columns_changed(runs: Sequence[Run], found: Limits) -> bool:
    others = {run.contract_document for run in runs} - {found.contract_document}
    if not others:
        return False
    columns = extra_columns.columns_of(found.contract)
    try:
        contracts = [found._replace(contract_document=each).contract for each in others]
    except ContractError:  # an older version took what this one refuses
        return True
    return any(extra_columns.columns_of(each) != columns for each in contracts)


def _of(run: Run) -> Limits:
    arrival = Arrival(run.arrival or LOG_APPEND, run.arrival_slack_sec or 0)
    limits = Limits(run.allowed_lateness_sec or 0, run.clock_skew_sec or 0, arrival)
    return limits._replace(contract_document=run.contract_document)

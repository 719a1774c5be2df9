"""Runs `payments runs`; flags.py has its help."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from tabulate import tabulate

from operations import json_document
from operations.runs import flags
from operations.runs.run import BY_HAND, Run, root
from operations.runs.runs_table import RunsTable
from operations.version import VERSION
from payments import exit_codes


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    table = RunsTable(".".join(arguments.bigquery_dataset), arguments.bigquery_endpoint)
    return {"list": _list, "end": _end}[arguments.command](arguments, table)


def _list(arguments: argparse.Namespace, table: RunsTable) -> int:
    runs = [run for run in table.rows() if not run.is_root]
    if arguments.json:
        json_document.show([dataclasses.asdict(run) for run in runs])
    elif runs:
        print(tabulate([_row(run) for run in runs], headers=_HEADERS, disable_numparse=True))
    else:
        print("no run has held these tables")
    return exit_codes.WELL


_HEADERS = ("run", "since (UTC)", "runner", "job", "by", "began with", "state")


def _row(run: Run) -> tuple[str, ...]:
    if run.ended_at is not None:
        state = f"ended {run.ended_at:%Y-%m-%d %H:%M:%S}: {run.ended_why}"
    else:
        state = "holds the tables" if run.stands else "followed by another"
    return (
        run.run_id,
        f"{run.started_at:%Y-%m-%d %H:%M:%S}",
        run.runner or "",
        run.job_id or "none known",
        run.launched_by,
        run.began_with or "",
        state,
    )


def _end(arguments: argparse.Namespace, table: RunsTable) -> int:
    found = table.rows()
    holder = found[-1] if found else root(VERSION)
    if not holder.stands or holder.run_id != arguments.run_id:
        said = f"held by {holder.describe()}" if holder.stands else "held by nobody"
        problem = f"run {arguments.run_id} does not hold the tables: they are {said}"
        return exit_codes.told(problem, exit_codes.FINDING)
    if not arguments.dry_run:
        table.end(holder.claim_id, f"{BY_HAND}{arguments.why}")
    if arguments.json:
        document = {"run_id": holder.run_id, "ended": not arguments.dry_run, "why": arguments.why}
        json_document.show(document)
    elif arguments.dry_run:
        print(f"{holder.describe()}: would be ended; nothing was changed")
    else:
        print(f"{holder.describe()}: ended, {arguments.why}")
    return exit_codes.WELL


if __name__ == "__main__":
    sys.exit(main())

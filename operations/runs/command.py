"""Shows who writes to the tables and who did before, and notes that a run has ended.

    payments runs list --bigquery_dataset=my-project.payments
    payments runs end  --bigquery_dataset=my-project.payments --run_id=NAME --why=TEXT

Each launch has a row in the table `runs`; the newest holds the tables until it is known to have
ended or another one takes them (--take_over). `end` stops what a run still writes: it asks for its
claim before rows become visible.

Exit code: 0 done, 1 no such run holds the tables, 2 a mistake in the flags, 3 BigQuery did not
answer.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

import orjson
from tabulate import tabulate

from operations import tool_flags
from operations.errors import CannotStart
from operations.runs.run import BY_HAND, Run
from operations.runs.runs_table import RunsTable
from operations.version import VERSION

EXIT_DONE = 0
EXIT_NO_RUN = 1
EXIT_CANNOT = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    arguments = _parser().parse_args(argv)
    try:
        table = RunsTable(".".join(arguments.bigquery_dataset), arguments.bigquery_endpoint)
        return int(arguments.run(arguments, table))
    except CannotStart as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CANNOT


def _list(arguments: argparse.Namespace, table: RunsTable) -> int:
    runs = [run for run in table.chain(VERSION) if not run.is_root]
    if arguments.json:
        print(orjson.dumps([dataclasses.asdict(run) for run in runs]).decode())
    elif runs:
        print(tabulate([_row(run) for run in runs], headers=_HEADERS))
    else:
        print("no run has held these tables")
    return EXIT_DONE


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
    holder = table.chain(VERSION)[-1]
    if not holder.stands or holder.run_id != arguments.run_id:
        said = f"held by {holder.describe()}" if holder.stands else "held by nobody"
        print(
            f"error: run {arguments.run_id} does not hold the tables: they are {said}",
            file=sys.stderr,
        )
        return EXIT_NO_RUN
    table.end(holder.claim_id, f"{BY_HAND}{arguments.why}")
    print(f"{holder.describe()}: ended, {arguments.why}")
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = tool_flags.parser("payments runs", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lists = commands.add_parser(
        "list", help="tells who has held the tables, the newest last", allow_abbrev=False
    )
    lists.add_argument("--json", action="store_true", help="All that is known of each, as JSON.")
    lists.set_defaults(run=_list)
    ends = commands.add_parser(
        "end", help="notes that a run has ended; it writes no more", allow_abbrev=False
    )
    ends.add_argument("--run_id", required=True, metavar="NAME", help="Of the run.")
    ends.add_argument("--why", required=True, metavar="TEXT", help="For whoever reads it later.")
    ends.set_defaults(run=_end)
    for command in (lists, ends):
        tool_flags.add_bigquery(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())

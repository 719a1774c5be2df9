"""The jobs on Flink: which there are, how they are, and a planned end of one.

    payments job list      --flink=jobmanager:8081
    payments job show      --flink=jobmanager:8081 --job_id=ID
    payments job savepoint --flink=jobmanager:8081 --job_id=ID --stop
    payments job cancel    --flink=jobmanager:8081 --bigquery_dataset=my-project.payments

A job is named by Flink's id, or by the dataset that it writes to: the table `runs` says whose job
that is. `savepoint` prints the URI to go on from (--savepoint_path); with --stop the job ends by
it, and nothing is read twice or left out. `cancel` keeps the newest checkpoint, for --resume. Given
the dataset, both note in `runs` that the run has ended, so that the next launch need not ask.

Exit code: 0 done, 1 there is no such job or it did not end in time, 2 a mistake in the flags, 3
Flink or BigQuery could not be asked.
"""

from __future__ import annotations

import argparse

from operations import flag_types, tool_flags


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = tool_flags.parser("payments job", __doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(commands, "list", "tells every job that Flink knows, the newest first")
    _add_target(_add(commands, "show", "tells all that Flink says of a job, in lines"))
    cancel = _add(commands, "cancel", "ends a job; its newest checkpoint is kept")
    takes = _add(commands, "savepoint", "takes a savepoint and prints its URI")
    takes.add_argument("--stop", action="store_true", help="End the job by the savepoint.")
    for each in (cancel, takes):
        _add_target(each)
        tool_flags.add_wait(each, "How long to wait for Flink at most", 120)
        each.add_argument("--dry_run", action="store_true", help="Only say which job it would be.")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    tool_flags.add_flink(command)
    command.add_argument("--json", action="store_true", help="Print one JSON document instead.")
    return command


def _add_target(command: argparse.ArgumentParser) -> None:
    command.add_argument("--job_id", metavar="ID", help="Flink's id of the job.")
    command.add_argument(
        "--bigquery_dataset",
        type=flag_types.dataset,
        metavar="PROJECT.DATASET",
        help="Dataset that the job writes to; alone it names the job of the run that holds it.",
    )
    command.add_argument("--run_id", metavar="NAME", help="Of another run of that dataset.")
    tool_flags.add_bigquery_endpoint(command)

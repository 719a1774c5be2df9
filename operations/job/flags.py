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

from operations import flag_types, tool_flags
from payments.parser import Parser


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments job", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lists = commands.add_parser("list", help="tells every job that Flink knows, the newest first")
    shows = commands.add_parser("show", help="tells all that Flink says of a job, in lines")
    cancels = commands.add_parser("cancel", help="ends a job; its newest checkpoint is kept")
    takes = commands.add_parser("savepoint", help="takes a savepoint and prints its URI")
    takes.add_argument("--stop", action="store_true", help="End the job by the savepoint.")
    for each in (lists, shows, cancels, takes):
        tool_flags.add_flink(each)
        tool_flags.add_json(each)
    for each in (shows, cancels, takes):
        _add_target(each)
    for each in (cancels, takes):
        tool_flags.add_wait(each, "How long to wait for Flink at most", 120)
        tool_flags.add_dry_run(each)
    return whole


def _add_target(command: Parser) -> None:
    command.add_argument("--job_id", metavar="ID", help="Flink's id of the job.")
    command.add_setting("bigquery_dataset", type=flag_types.dataset)
    command.add_argument(
        "--run_id",
        metavar="NAME",
        help="Of another run of the dataset than the one that holds its tables.",
    )
    tool_flags.add_bigquery_endpoint(command)

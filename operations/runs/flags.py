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

from operations import tool_flags
from payments.parser import Parser


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments runs", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lists = commands.add_parser("list", help="tells who has held the tables, the newest last")
    ends = commands.add_parser("end", help="notes that a run has ended; it writes no more")
    ends.add_argument("--run_id", required=True, metavar="NAME", help="The run that has ended.")
    ends.add_argument("--why", required=True, metavar="TEXT", help="The reason, kept in `runs`.")
    tool_flags.add_dry_run(ends)
    for command in (lists, ends):
        tool_flags.add_bigquery(command)
        tool_flags.add_json(command)
    return whole

"""Makes, compares and checks the tables and audit views in BigQuery.

    payments tables create --bigquery_dataset=PROJECT.DATASET --dry_run
    payments tables create --bigquery_dataset=PROJECT.DATASET
    payments tables diff   --bigquery_dataset=PROJECT.DATASET
    payments tables check  --bigquery_dataset=PROJECT.DATASET
    payments tables show   totals_by_minute_latest --bigquery_dataset=PROJECT.DATASET
    payments tables generate

Exit code: 0 as it must be, 1 something differs, or a law is broken, 2 a mistake in the
flags, 3 BigQuery did not answer.
"""

from __future__ import annotations

import argparse
import textwrap

from operations import contract_flag, tool_flags
from payments.parser import Parser

# A person reads no more, and a file of more is what `bq extract` is for.
_ROWS_MAX = 100_000
_COMMANDS = {
    "create": (
        "makes what is missing, then compares",
        "Makes the dataset, the tables that are missing and the audit views, and compares them as "
        "diff does. A table that exists gets the columns that came later, and a column that may be "
        "null becomes so; nothing else of it is changed. A view is brought to what sql/audit says.",
    ),
    "diff": (
        "compares tables and views with this checkout",
        "Compares columns, partitioning and clustering with transforms/payment/tables.py, "
        "and the views with sql/audit. Exit code 1 when something differs.",
    ),
    "check": (
        "asks whether the laws of sql/**/*checks.sql hold",
        "Runs every check and prints one line for each, with rows that break it. Exit code 1 when "
        "a #fail check fails; a #warn check only warns. Reads whole tables: BigQuery bills that.",
    ),
    "show": (
        "prints a table or a view",
        "Prints rows of a table or of an audit view (sql/README.md says which answers what), in "
        "no order. A table costs nothing on BigQuery; a view is a query over all that it reads, "
        "whatever --limit says, and is billed so.",
    ),
    "generate": (
        "writes sql/<table>/table.sql and schema.json anew",
        "Writes sql/<table>/table.sql and schema.json from transforms/payment/tables.py. "
        "Needs no BigQuery.",
    ),
}


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments tables", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, description) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=textwrap.fill(description, 95)
        )
        if name == "generate":
            continue
        tool_flags.add_bigquery(command)
        tool_flags.add_json(command)
        if name in ("create", "diff"):
            contract_flag.add(
                command,
                "Also the columns and views that this contract adds, as the job needs them.",
            )
        if name == "create":
            tool_flags.add_dry_run(command)
        if name == "show":
            command.add_argument("name", metavar="VIEW_OR_TABLE", help="Such as records.")
            command.add_argument(
                "--limit",
                type=_rows,
                default=20,
                metavar="N",
                help="How many rows at most (default: %(default)s).",
            )
    return whole


def _rows(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _ROWS_MAX:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {_ROWS_MAX}, got {text!r}"
        )
    return int(text)

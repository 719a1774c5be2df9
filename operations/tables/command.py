"""Are the tables and audit views in BigQuery there, as the contract says, and do their laws hold?

payments tables create --bigquery_dataset=PROJECT.DATASET
payments tables diff   --bigquery_dataset=PROJECT.DATASET
payments tables check  --bigquery_dataset=PROJECT.DATASET
payments tables generate
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from google.cloud import bigquery

from operations import bigquery_client, flag_types
from operations.tables import bigquery_views, sql_files, table_files, writing_now
from operations.tables.bigquery_tables import create, diff
from operations.tables.run_checks import run_checks

__all__ = ["create", "diff", "main"]

_COMMANDS = {
    "create": (
        "makes what is missing, then compares",
        "Makes the dataset, the tables that are missing and the audit views, and compares them as "
        "diff does. A table that exists is never changed; a view is brought to what sql/audit "
        "says.",
    ),
    "diff": (
        "compares tables and views with this checkout",
        "Compares columns, partitioning and clustering with transforms/payment/tables.py, "
        "and the views with sql/audit. Exit code 1 when something differs.",
    ),
    "check": (
        "asks whether the laws of sql/**/checks.sql hold",
        "Runs every check and prints one line for each, with rows that break it. Exit code 1 when "
        "a #fail check fails; a #warn check only warns. Reads whole tables: BigQuery bills that.",
    ),
    "generate": (
        "writes sql/<table>/table.sql and schema.json anew",
        "Writes sql/<table>/table.sql and schema.json from transforms/payment/tables.py. "
        "Needs no BigQuery.",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 0 when all is as it must be, else 1."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "generate":
        return _generate()
    project, dataset = arguments.bigquery_dataset
    run = {"create": _create, "diff": _diff, "check": _check}[arguments.command]
    try:
        return run(bigquery_client.connect(project, arguments.bigquery_endpoint), dataset)
    except (sql_files.SqlFileError, *bigquery_client.ERRORS) as error:
        print(f"error: {_explain(error, arguments)}", file=sys.stderr)
        return 1


def _explain(error: Exception, arguments: argparse.Namespace) -> str:
    if isinstance(error, sql_files.SqlFileError):
        return str(error)
    where = ".".join(arguments.bigquery_dataset)
    return bigquery_client.told(error, where, arguments.bigquery_endpoint)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="payments tables",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, description) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=description, allow_abbrev=False
        )
        if name == "generate":
            continue
        command.add_argument(
            "--bigquery_dataset",
            type=flag_types.dataset,
            required=True,
            metavar="PROJECT.DATASET",
            help="Dataset of the tables, for example my-project.payments. Required.",
        )
        command.add_argument(
            "--bigquery_endpoint",
            type=flag_types.host_port,
            metavar="HOST:PORT",
            help="A local BigQuery stand-in instead of Google's service; "
            "`python -m sandbox endpoint bigquery` names the sandbox's.",
        )
    return parser


def _create(client: bigquery.Client, dataset: str) -> int:
    for name in create(client, dataset):
        print(f"created table {client.project}.{dataset}.{name}", flush=True)
    for name in bigquery_views.create(client, dataset, sql_files.views()):
        print(f"created view {client.project}.{dataset}.{name}", flush=True)
    return _diff(client, dataset)


def _diff(client: bigquery.Client, dataset: str) -> int:
    lines = diff(client, dataset) + bigquery_views.diff(client, dataset, sql_files.views())
    for line in lines:
        print(line, file=sys.stderr)
    said = "the tables are as the contract says, the views as sql/audit says"
    print(f"{len(lines)} differences; create makes what is missing" if lines else said)
    return 1 if lines else 0


def _check(client: bigquery.Client, dataset: str) -> int:
    held = warned = failed = 0
    for finding in run_checks(client, dataset, sql_files.checks()):
        print(finding, flush=True)
        held += finding.holds
        failed += finding.failed
        warned += not finding.holds and not finding.failed
    print(f"{held} checks hold, {warned} warn, {failed} fail")
    writer = writing_now.holder(client, dataset) if failed or warned else None
    if writer is not None:
        print(writing_now.hint(writer), file=sys.stderr)
    return 1 if failed else 0


def _generate() -> int:
    for path in table_files.generate():
        print(f"wrote {path.relative_to(sql_files.SQL_FOLDER.parent)}")
    print("sql/ is as the contract says")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs `payments tables`; flags.py has its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from google.cloud import bigquery

from operations import bigquery_client, contract_flag, json_document
from operations.errors import CannotCheck
from operations.tables import (
    bigquery_views,
    extra_views,
    flags,
    later_columns,
    show,
    sql_files,
    table_files,
    writing_now,
)
from operations.tables.bigquery_tables import create, diff, missing
from operations.tables.run_checks import Finding, run_checks
from payments import exit_codes, rows_text
from transforms.codecs.contract import extra_columns
from transforms.payment.tables import ALL_TABLES, Table

__all__ = ["create", "diff", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(
        lambda: _run(arguments),
        {
            sql_files.SqlFileError: exit_codes.COULD_NOT_LOOK,
            contract_flag.WrongContract: exit_codes.USAGE,
        },
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "generate":
        return _generate()
    project, dataset = arguments.bigquery_dataset
    endpoint = arguments.bigquery_endpoint
    if arguments.command in ("create", "diff"):
        wanted = _wanted(arguments)
    if arguments.command == "show":
        view = show.find(arguments.name, sql_files.views())
    with bigquery_client.errors(CannotCheck, f"{project}.{dataset}", endpoint):
        client = bigquery_client.connect(project, endpoint)
        if arguments.command == "check":
            return _check(client, dataset, arguments.json)
        if arguments.command == "show":
            return _show(
                arguments, show.rows(client, dataset, arguments.name, view, arguments.limit)
            )
        if arguments.command == "diff":
            return _diff(client, dataset, wanted, arguments.json, {})
        if arguments.dry_run:
            return _tell_missing(client, dataset, wanted, arguments.json)
        return _create(client, dataset, wanted, arguments.json)


class _Wanted(NamedTuple):
    """What a dataset is to hold."""

    tables: Sequence[Table]
    views: Sequence[sql_files.View]


def _wanted(arguments: argparse.Namespace) -> _Wanted:
    """Returns the tables and views, with those that a contract adds."""
    contract = contract_flag.of(arguments)
    views = [*sql_files.views(), *extra_views.of(contract)]
    return _Wanted(extra_columns.with_columns(ALL_TABLES, contract), views)


def _create(client: bigquery.Client, dataset: str, wanted: _Wanted, as_json: bool) -> int:
    made: dict[str, list[str]] = {"tables": [], "views": []}
    for kind, names in (
        ("table", create(client, dataset, wanted.tables)),
        ("view", bigquery_views.create(client, dataset, wanted.views)),
    ):
        for name in names:
            made[f"{kind}s"].append(name)
            if not as_json:
                print(f"created {kind} {client.project}.{dataset}.{name}", flush=True)
    made["columns"] = later_columns.bring_up(client, dataset, wanted.tables)
    if not as_json:
        for line in made["columns"]:
            print(line, flush=True)
    return _diff(client, dataset, wanted, as_json, {"created": made})


def _tell_missing(client: bigquery.Client, dataset: str, wanted: _Wanted, as_json: bool) -> int:
    tables = missing(client, dataset, wanted.tables)
    views = bigquery_views.outdated(client, dataset, wanted.views)
    columns = later_columns.outdated(client, dataset, wanted.tables)
    if as_json:
        would = {"tables": tables, "views": views, "columns": columns}
        json_document.show({"would_create": would})
        return exit_codes.WELL
    for kind, names in (("table", tables), ("view", views)):
        for name in names:
            print(f"would create {kind} {client.project}.{dataset}.{name}")
    for line in columns:
        print(f"would change: {line}")
    changes = len(tables) + len(views) + len(columns)
    print(f"{changes} would be made; nothing was changed")
    return exit_codes.WELL


def _diff(
    client: bigquery.Client,
    dataset: str,
    wanted: _Wanted,
    as_json: bool,
    before: dict[str, object],
) -> int:
    lines = diff(client, dataset, wanted.tables)
    lines += bigquery_views.diff(client, dataset, wanted.views)
    code = exit_codes.FINDING if lines else exit_codes.WELL
    if as_json:
        json_document.show({**before, "differences": lines})
        return code
    for line in lines:
        print(line, file=sys.stderr)
    said = "the tables are as transforms/payment declares, the views as sql/audit says"
    print(f"{len(lines)} differences; create makes what is missing" if lines else said)
    return code


def _check(client: bigquery.Client, dataset: str, as_json: bool) -> int:
    findings = _told(run_checks(client, dataset, sql_files.checks()), as_json)
    held = sum(finding.holds for finding in findings)
    failed = sum(finding.failed for finding in findings)
    code = exit_codes.FINDING if failed else exit_codes.WELL
    if as_json:
        json_document.show(
            {"holds": not failed, "checks": [finding.document() for finding in findings]}
        )
        return code
    print(f"{held} checks hold, {len(findings) - held - failed} warn, {failed} fail")
    writer = writing_now.holder(client, dataset) if held < len(findings) else None
    if writer is not None:
        print(writing_now.hint(writer), file=sys.stderr)
    return code


def _show(arguments: argparse.Namespace, found: tuple[list[str], list[list[Any]]]) -> int:
    columns, rows = found
    if arguments.json:
        json_document.show(rows_text.documents(columns, rows))
        return exit_codes.WELL
    print(rows_text.aligned(columns, rows))
    if len(rows) == arguments.limit:
        print(f"{len(rows)} rows; --limit shows more, where there are more", file=sys.stderr)
    return exit_codes.WELL


def _told(found: Iterable[Finding], as_json: bool) -> list[Finding]:
    findings = []
    for finding in found:
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    return findings


def _generate() -> int:
    for path in table_files.generate():
        print(f"wrote {path.relative_to(sql_files.SQL_FOLDER.parent)}")
    print("sql/ is as transforms/payment declares")
    return exit_codes.WELL


if __name__ == "__main__":
    sys.exit(main())

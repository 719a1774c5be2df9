"""Are the tables there, and as the contract says?

python -m pipeline.tables create --bigquery_dataset=PROJECT.DATASET
python -m pipeline.tables diff   --bigquery_dataset=PROJECT.DATASET
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from google.api_core import exceptions
from google.cloud import bigquery

from pipeline.clients import bigquery_client
from transforms.contract.table_schema import TABLES, Column, Table

# The API answers with the older of BigQuery's two names for a type.
_API_TYPE = {"INT64": "INTEGER", "FLOAT64": "FLOAT"}


def schema_of(table: Table) -> list[bigquery.SchemaField]:
    """Returns the schema as the BigQuery API takes it."""
    return [
        bigquery.SchemaField(
            column.name,
            _API_TYPE.get(column.type, column.type),
            mode="NULLABLE" if column.nullable else "REQUIRED",
            description=column.description,
        )
        for column in table.columns
    ]


def create(client: bigquery.Client, dataset: str) -> list[str]:
    """Makes the dataset and the tables that are missing; returns the names of the tables made.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    client.create_dataset(f"{client.project}.{dataset}", exists_ok=True)
    made = []
    for table in TABLES:
        wanted = bigquery.Table(f"{client.project}.{dataset}.{table.name}", schema_of(table))
        wanted.description = table.description
        wanted.time_partitioning = bigquery.TimePartitioning(field=table.partition_by)
        wanted.clustering_fields = list(table.cluster_by)
        try:
            client.create_table(wanted)
        except exceptions.Conflict:
            continue
        made.append(table.name)
    return made


def diff(client: bigquery.Client, dataset: str) -> list[str]:
    """Returns one line per difference between the contract and the dataset, [] when equal.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused, a missing table excepted.
    """
    lines = []
    for table in TABLES:
        name = f"{client.project}.{dataset}.{table.name}"
        try:
            found = client.get_table(name)
        except exceptions.NotFound:
            lines.append(f"table {name} is missing")
            continue
        lines += [f"table {name}: {line}" for line in _differences(table, found.schema)]
    return lines


def _differences(table: Table, found: Sequence[bigquery.SchemaField]) -> list[str]:
    fields = {field.name: field for field in found}
    lines = []
    for column in table.columns:
        field = fields.pop(column.name, None)
        if field is None:
            lines.append(f"column {column.name} is missing, {column.type} is required")
        elif _described(field) != _required(column):
            lines.append(
                f"column {column.name} must be {_required(column)}, got {_described(field)}"
            )
    for field in fields.values():
        if field.mode == "REQUIRED":
            lines.append(f"column {field.name} is REQUIRED there and not written by this pipeline")
    return lines


def _required(column: Column) -> str:
    return f"{column.type} {'NULLABLE' if column.nullable else 'REQUIRED'}"


def _described(field: bigquery.SchemaField) -> str:
    sql_names = {api: sql for sql, api in _API_TYPE.items()}
    return f"{sql_names.get(field.field_type, field.field_type)} {field.mode}"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 0 when the tables are as the contract says, else 1."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.tables", description=__doc__)
    parser.add_argument("command", choices=("create", "diff"))
    parser.add_argument("--bigquery_dataset", required=True, metavar="PROJECT.DATASET")
    parser.add_argument("--bigquery_endpoint", metavar="HOST:PORT", help="a local stand-in")
    arguments = parser.parse_args(argv)
    project, _, dataset = arguments.bigquery_dataset.rpartition(".")
    if not project:
        parser.error(
            f"--bigquery_dataset must be PROJECT.DATASET, got {arguments.bigquery_dataset!r}"
        )
    client = bigquery_client(project, arguments.bigquery_endpoint)
    try:
        if arguments.command == "create":
            for name in create(client, dataset):
                print(f"created {project}.{dataset}.{name}")
        lines = diff(client, dataset)
    except exceptions.GoogleAPICallError as error:
        print(f"error: BigQuery refused: {error.message}", file=sys.stderr)
        return 1
    for line in lines:
        print(line, file=sys.stderr)
    print("the tables are as the contract says" if not lines else f"{len(lines)} differences")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

"""Brings tables that an earlier version made up to date: columns that came later, or may be null.

BigQuery allows both on a table with rows, and neither changes a row.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.api_core import exceptions
from google.cloud import bigquery

from operations.bigquery_client import RETRY
from operations.tables.bigquery_tables import schema_of
from transforms.payment.tables import Table


def outdated(client: bigquery.Client, dataset: str, tables: Sequence[Table]) -> list[str]:
    """Returns what `bring_up` would do, a line for each column.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    return [line for _, lines in _outdated(client, dataset, tables) for line in lines]


def bring_up(client: bigquery.Client, dataset: str, tables: Sequence[Table]) -> list[str]:
    """Adds columns and lets columns be null; returns a line for each.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    told = []
    for table, lines in _outdated(client, dataset, tables):
        client.update_table(table, ["schema"], retry=RETRY)
        told += lines
    return told


def _outdated(
    client: bigquery.Client, dataset: str, tables: Sequence[Table]
) -> list[tuple[bigquery.Table, list[str]]]:
    """Returns each table that is to be changed, with the schema that it is to have."""
    found = []
    for table in tables:
        try:
            there = client.get_table(f"{client.project}.{dataset}.{table.name}", retry=RETRY)
        except exceptions.NotFound:
            continue
        there.schema, lines = brought_up(table, there.schema)
        if lines:
            found.append((there, lines))
    return found


def brought_up(
    table: Table, there: list[bigquery.SchemaField]
) -> tuple[list[bigquery.SchemaField], list[str]]:
    """Returns the schema that a table which has `there` gets, and a line for each column of it."""
    wanted = {field.name: field for field in schema_of(table)}
    schema, lines = [], []
    for field in there:
        declared = wanted.get(field.name)
        if declared and field.mode == "REQUIRED" and declared.mode == "NULLABLE":
            relaxed = {**field.to_api_repr(), "mode": "NULLABLE"}
            schema.append(bigquery.SchemaField.from_api_repr(relaxed))
            lines.append(f"column {table.name}.{field.name} may be null")
        else:
            schema.append(field)
    names = {field.name for field in there}
    places = {name: place for place, name in enumerate(table.column_names)}
    last = max((places[name] for name in names & places.keys()), default=-1)
    for column in table.columns:
        # BigQuery adds at the end. A column that is missing before that is for `diff` to tell.
        if column.nullable and places[column.name] > last:
            schema.append(wanted[column.name])
            lines.append(f"column {table.name}.{column.name} added")
    return schema, lines

"""Creates the tables of the contract through BigQuery's API, and compares them with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.api_core import exceptions
from google.cloud import bigquery

from operations.bigquery_client import RETRY
from transforms.payment.fields import Column
from transforms.payment.tables import ALL_TABLES, Table

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


def create(
    client: bigquery.Client, dataset: str, tables: Sequence[Table] = ALL_TABLES
) -> list[str]:
    """Makes the dataset and the tables that are missing; returns the names of the tables made.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    client.create_dataset(f"{client.project}.{dataset}", exists_ok=True, retry=RETRY)
    made = []
    for table in tables:
        wanted = bigquery.Table(f"{client.project}.{dataset}.{table.name}", schema_of(table))
        wanted.description = table.description
        wanted.time_partitioning = bigquery.TimePartitioning(field=table.partition_by)
        wanted.clustering_fields = list(table.cluster_by)
        try:
            client.create_table(wanted, retry=RETRY)
        except exceptions.Conflict:
            continue
        made.append(table.name)
    return made


def missing(
    client: bigquery.Client, dataset: str, tables: Sequence[Table] = ALL_TABLES
) -> list[str]:
    """Returns the names of the tables that `create` would make.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    found = []
    for table in tables:
        try:
            client.get_table(f"{client.project}.{dataset}.{table.name}", retry=RETRY)
        except exceptions.NotFound:
            found.append(table.name)
    return found


def diff(client: bigquery.Client, dataset: str, tables: Sequence[Table] = ALL_TABLES) -> list[str]:
    """Returns one line per difference between the contract and the dataset, [] when equal.

    Args:
        tables: those that are compared.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused, a missing table excepted.
    """
    lines = []
    for table in tables:
        name = f"{client.project}.{dataset}.{table.name}"
        try:
            found = client.get_table(name, retry=RETRY)
        except exceptions.NotFound:
            lines.append(f"table {name} is missing")
            continue
        lines += [f"table {name}: {line}" for line in differences(table, found)]
    return lines


def differences(table: Table, found: bigquery.Table) -> Iterator[str]:
    """Yields what of a table that exists is not as the contract says."""
    fields = {field.name: field for field in found.schema}
    for column in table.columns:
        field = fields.pop(column.name, None)
        if field is None:
            yield f"column {column.name} is missing, {column.type} is required"
        elif _described(field) != _required(column):
            yield f"column {column.name} must be {_required(column)}, got {_described(field)}"
    for field in fields.values():
        if field.mode == "REQUIRED":
            yield f"column {field.name} is REQUIRED there and not written by this pipeline"
    yield from _misplaced(table, found)
    if _partitioning(found) != f"DAY({table.partition_by})":
        yield f"must be partitioned by DAY({table.partition_by}), got {_partitioning(found)}"
    if tuple(found.clustering_fields or ()) != table.cluster_by:
        clustering = ", ".join(found.clustering_fields or ()) or "nothing"
        yield f"must be clustered by {', '.join(table.cluster_by)}, got {clustering}"


def _misplaced(table: Table, found: bigquery.Table) -> Iterator[str]:
    """Yields the first column that is in another order.

    BigQuery adds columns at the end. So must we: rows that wait in the state of a stopped job know
    their columns by place, and the next version would read them as others.
    """
    names = {field.name for field in found.schema}
    ours = [column.name for column in table.columns if column.name in names]
    theirs = [field.name for field in found.schema if field.name in ours]
    for our, their in zip(ours, theirs, strict=True):
        if our != their:
            yield f"column {our} is where the table has {their}; new columns come last"
            return


def _required(column: Column) -> str:
    return f"{column.type} {'NULLABLE' if column.nullable else 'REQUIRED'}"


def _described(field: bigquery.SchemaField) -> str:
    sql_names = {api: sql for sql, api in _API_TYPE.items()}
    return f"{sql_names.get(field.field_type, field.field_type)} {field.mode}"


def _partitioning(found: bigquery.Table) -> str:
    partitioning = found.time_partitioning
    return f"{partitioning.type_}({partitioning.field})" if partitioning else "nothing"

"""Asks the tables which version wrote what: questions that no reconciliation asks."""

from __future__ import annotations

from typing import NamedTuple

from google.cloud import bigquery

from harness.e2e_run import E2ERun
from harness.upgrade.next_steps import LAG, NEXT_TRANSACTIONS
from harness.upgrade.next_version import VERSION
from operations import bigquery_client
from operations.tables.bigquery_tables import schema_of
from transforms.payment.tables import OUTCOME_TABLES


class Written(NamedTuple):
    """Rows of all outcome tables, by the version that wrote them."""

    before: int
    after: int


def add_column(e2e_run: E2ERun) -> None:
    """Alters the table before the version that fills it comes: a nullable column, at the end."""
    client = _client(e2e_run)
    name = _name(e2e_run, NEXT_TRANSACTIONS.name)
    client.query(f"ALTER TABLE {name} ADD COLUMN {LAG.name} {LAG.type}").result()
    # The stand-in alters its data by SQL and its catalogue by the API; Google's needs only one.
    table = client.get_table(name.strip("`"))
    table.schema = schema_of(NEXT_TRANSACTIONS)
    client.update_table(table, ["schema"])


def written(e2e_run: E2ERun) -> Written:
    """Returns how many rows each version wrote."""
    [[before, after]] = _rows(
        e2e_run,
        f"SELECT COUNTIF(pipeline_version != '{VERSION}'), "
        f"COUNTIF(pipeline_version = '{VERSION}') FROM ({_lineage(e2e_run)})",
    )
    return Written(before, after)


def unclean_cuts(e2e_run: E2ERun) -> list[str]:
    """Returns the partitions in which the version before wrote behind the next; [] for none."""
    mixed = _rows(
        e2e_run,
        "SELECT kafka_partition, "
        f"MAX(IF(pipeline_version != '{VERSION}', kafka_offset, -1)) AS last_before, "
        f"MIN(IF(pipeline_version = '{VERSION}', kafka_offset, NULL)) AS first_after "
        f"FROM ({_lineage(e2e_run)}) GROUP BY kafka_partition",
    )
    return [
        f"partition {partition}: the version before wrote offset {last_before}, the next began "
        f"at {first_after}"
        for partition, last_before, first_after in mixed
        if first_after is not None and first_after <= last_before
    ]


def misfilled(e2e_run: E2ERun) -> list[str]:
    """Returns where the new column is not filled by the next version, and by it alone."""
    found = []
    table = _name(e2e_run, NEXT_TRANSACTIONS.name)
    [[unfilled, filled]] = _rows(
        e2e_run,
        f"SELECT COUNTIF(pipeline_version = '{VERSION}' AND {LAG.name} IS NULL), "
        f"COUNTIF(pipeline_version != '{VERSION}' AND {LAG.name} IS NOT NULL) FROM {table}",
    )
    if unfilled:
        found.append(f"{unfilled} rows of the next version have no {LAG.name}")
    if filled:
        found.append(f"{filled} rows of the version before have a {LAG.name}")
    return found


def _lineage(e2e_run: E2ERun) -> str:
    return " UNION ALL ".join(
        f"SELECT kafka_partition, kafka_offset, pipeline_version FROM {_name(e2e_run, table.name)}"
        for table in OUTCOME_TABLES
    )


def _rows(e2e_run: E2ERun, sql: str) -> list[tuple[int, ...]]:
    return [row.values() for row in _client(e2e_run).query(sql).result()]


def _name(e2e_run: E2ERun, table: str) -> str:
    return f"`{e2e_run.endpoints['project']}.{e2e_run.name}.{table}`"


def _client(e2e_run: E2ERun) -> bigquery.Client:
    return bigquery_client.connect(e2e_run.endpoints["project"], e2e_run.endpoints["bigquery"])

"""Which version wrote what? Questions to the tables that no reconciliation asks."""

from __future__ import annotations

from typing import NamedTuple

from google.cloud import bigquery

from harness.rehearsal import Rehearsal
from harness.upgrade.next_steps import LAG, NEXT_TRANSACTIONS
from harness.upgrade.next_version import VERSION
from pipeline import clients
from pipeline.warehouse.bigquery_tables import schema_of
from transforms.contract.table_schema import OUTCOME_TABLES


class Written(NamedTuple):
    """Rows of all outcome tables, by the version that wrote them."""

    before: int
    after: int


def add_column(rehearsal: Rehearsal) -> None:
    """Alters the table before the version that fills it comes: a nullable column, at the end."""
    client = _client(rehearsal)
    name = _name(rehearsal, NEXT_TRANSACTIONS.name)
    client.query(f"ALTER TABLE {name} ADD COLUMN {LAG.name} {LAG.type}").result()
    # The stand-in alters its data by SQL and its catalogue by the API; Google's needs only one.
    table = client.get_table(name.strip("`"))
    table.schema = schema_of(NEXT_TRANSACTIONS)
    client.update_table(table, ["schema"])


def written(rehearsal: Rehearsal) -> Written:
    """Returns how many rows each version wrote."""
    [[before, after]] = _rows(
        rehearsal,
        f"SELECT COUNTIF(pipeline_version != '{VERSION}'), "
        f"COUNTIF(pipeline_version = '{VERSION}') FROM ({_lineage(rehearsal)})",
    )
    return Written(before, after)


def unclean_cuts(rehearsal: Rehearsal) -> list[str]:
    """Returns the partitions in which the version before wrote behind the next; [] for none."""
    mixed = _rows(
        rehearsal,
        "SELECT kafka_partition, "
        f"MAX(IF(pipeline_version != '{VERSION}', kafka_offset, -1)) AS last_before, "
        f"MIN(IF(pipeline_version = '{VERSION}', kafka_offset, NULL)) AS first_after "
        f"FROM ({_lineage(rehearsal)}) GROUP BY kafka_partition",
    )
    return [
        f"partition {partition}: the version before wrote offset {last_before}, the next began "
        f"at {first_after}"
        for partition, last_before, first_after in mixed
        if first_after is not None and first_after <= last_before
    ]


def misfilled(rehearsal: Rehearsal) -> list[str]:
    """Returns where the new column is not filled by the next version, and by it alone."""
    found = []
    table = _name(rehearsal, NEXT_TRANSACTIONS.name)
    [[unfilled, filled]] = _rows(
        rehearsal,
        f"SELECT COUNTIF(pipeline_version = '{VERSION}' AND {LAG.name} IS NULL), "
        f"COUNTIF(pipeline_version != '{VERSION}' AND {LAG.name} IS NOT NULL) FROM {table}",
    )
    if unfilled:
        found.append(f"{unfilled} rows of the next version have no {LAG.name}")
    if filled:
        found.append(f"{filled} rows of the version before have a {LAG.name}")
    return found


def _lineage(rehearsal: Rehearsal) -> str:
    return " UNION ALL ".join(
        "SELECT kafka_partition, kafka_offset, pipeline_version "
        f"FROM {_name(rehearsal, table.name)}"
        for table in OUTCOME_TABLES
    )


def _rows(rehearsal: Rehearsal, sql: str) -> list[tuple[int, ...]]:
    return [row.values() for row in _client(rehearsal).query(sql).result()]


def _name(rehearsal: Rehearsal, table: str) -> str:
    return f"`{rehearsal.endpoints['project']}.{rehearsal.name}.{table}`"


def _client(rehearsal: Rehearsal) -> bigquery.Client:
    return clients.bigquery_client(rehearsal.endpoints["project"], rehearsal.endpoints["bigquery"])

"""Writes a table of the contract for BigQuery: as DDL, and as the JSON that `bq` takes.

Where a column holds one of a closed list, it writes the check of that list too. `payments tables
generate` writes them all; a test proves that the committed files are these.
"""

from __future__ import annotations

import enum
import json
import textwrap
from pathlib import Path
from typing import NamedTuple

from operations import generated_files
from operations.tables.sql_files import DATASET, SQL_FOLDER
from transforms.payment.dead_letter import Reason
from transforms.payment.fields import Column
from transforms.payment.fraud_rules import Indicator
from transforms.payment.tables import ALL_TABLES, Table


class ClosedList(NamedTuple):
    """A column that holds one value of an enum, and the file that declares the enum."""

    table: str
    column: str
    values: type[enum.Enum]
    declared_in: str


CLOSED_LISTS = (
    ClosedList("dead_letters", "reason", Reason, "transforms/payment/dead_letter.py"),
    ClosedList("fraud_indicators", "indicator", Indicator, "transforms/payment/fraud_rules.py"),
)


def generate(folder: Path = SQL_FOLDER) -> list[Path]:
    """Writes what is generated; returns the files that changed."""
    return generated_files.write(generated(folder))


def generated(folder: Path = SQL_FOLDER) -> dict[Path, str]:
    """Returns what each generated file must hold."""
    files = {}
    for table in ALL_TABLES:
        files[folder / table.name / "table.sql"] = ddl(table)
        files[folder / table.name / "schema.json"] = schema_json(table)
    for closed in CLOSED_LISTS:
        files[folder / closed.table / "closed_list_checks.sql"] = closed_list_check(closed)
    files[folder / "tables.json"] = tables_json()
    return files


def ddl(table: Table) -> str:
    """Returns the statement that makes the table."""
    columns = ",\n".join(f"  {_column(column)}" for column in table.columns)
    return (
        "-- Generated from transforms/payment/tables.py by\n"
        "-- `payments tables generate`: edit there.\n"
        f"CREATE TABLE IF NOT EXISTS `{DATASET}.{table.name}`\n"
        f"(\n{columns}\n)\n"
        f"PARTITION BY DATE({table.partition_by})\n"
        f"CLUSTER BY {', '.join(table.cluster_by)}\n"
        f"OPTIONS (description={_text(table.description)});\n"
    )


def schema_json(table: Table) -> str:
    """Returns the schema as `bq mk --schema` takes it."""
    fields = [
        {
            "name": column.name,
            "type": column.type,
            "mode": "NULLABLE" if column.nullable else "REQUIRED",
            "description": column.description,
        }
        for column in table.columns
    ]
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def closed_list_check(closed: ClosedList) -> str:
    """Returns the check that the column holds nothing else, in the form of sql/README.md."""
    column = closed.column
    values = ", ".join(f"'{each.value}'" for each in closed.values)
    listed = textwrap.fill(values, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return (
        f"-- Generated from {closed.declared_in}, {closed.values.__name__}, by\n"
        "-- `payments tables generate`: edit there.\n"
        "#fail\n"
        "ASSERT NOT EXISTS (\n"
        f"  SELECT\n    {column},\n    kafka_topic,\n    kafka_partition,\n    kafka_offset\n"
        f"  FROM\n    `{DATASET}.{closed.table}`\n"
        f"  WHERE\n    {column} NOT IN (\n{listed}\n    )\n"
        f") AS 'each {column} is one of the closed list';\n"
    )


def tables_json() -> str:
    """Returns what Terraform needs of each table besides its schema."""
    tables = {
        table.name: {
            "description": table.description,
            "partition_by": table.partition_by,
            "cluster_by": list(table.cluster_by),
        }
        for table in ALL_TABLES
    }
    return json.dumps(tables, indent=2, ensure_ascii=False) + "\n"


def _column(column: Column) -> str:
    required = "" if column.nullable else " NOT NULL"
    # Quoted: a name such as `key` or `step` may become a keyword one day.
    return (
        f"`{column.name}` {column.type}{required} OPTIONS (description={_text(column.description)})"
    )


def _text(text: str) -> str:
    # BigQuery's string literals in double quotes have JSON's escapes.
    return json.dumps(text, ensure_ascii=False)

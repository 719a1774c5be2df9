"""Checks that a text is valid BigQuery SQL, with sqlglot, which reads BigQuery's dialect."""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from operations.tables.sql_files import View
from transforms.payment.tables import ALL_TABLES

DATASET = "project.dataset"


def parse(sql: str) -> list[exp.Expr]:
    """Returns the statements.

    Raises:
        ParseError: something is not BigQuery SQL.
    """
    # ASSERT is SELECT of one condition in another word, which sqlglot does not know.
    statements = sqlglot.parse(sql.replace("\nASSERT ", "\nSELECT "), dialect="bigquery")
    for statement in statements:
        # What sqlglot does not know it may pass on unread, as a Command: that proves nothing.
        if statement is None or isinstance(statement, exp.Command):
            raise ParseError(f"not understood: {statement}")
        if keywords := _unquoted_keywords(statement):
            raise ParseError(f"BigQuery wants these names quoted: {keywords}")
    return statements


class Catalog:
    """The columns of tables and views; finds a name in a query that nothing has."""

    def __init__(self, views: Iterable[View] = ()) -> None:
        self._schema = MappingSchema(dialect="bigquery")
        for table in ALL_TABLES:
            self._add(table.name, {column.name: column.type for column in table.columns})
        for view in views:  # those that others read come first
            selects = self.resolve(view.query_in(DATASET)).selects
            self._add(view.name, {select.alias_or_name: "STRING" for select in selects})

    def resolve(self, query: str) -> exp.Query:
        """Returns the query with every column's table named.

        Raises:
            sqlglot.errors.OptimizeError: a column is in none of the tables that are read.
        """
        [parsed] = parse(query)
        return qualify(parsed, schema=self._schema, dialect="bigquery")

    def _add(self, name: str, columns: dict[str, str]) -> None:
        self._schema.add_table(f"{DATASET}.{name}", columns, dialect="bigquery")


def _unquoted_keywords(statement: exp.Expr) -> set[str]:
    """Returns names that BigQuery takes for keywords; sqlglot is more lenient."""
    return {
        name.this
        for name in statement.find_all(exp.Identifier)
        if not name.quoted and name.this.lower() in BigQuery.Generator.RESERVED_KEYWORDS
    }

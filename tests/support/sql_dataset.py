"""A dataset of the stand-in, with the views and checks of sql/."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from operations import bigquery_client
from operations.tables import bigquery_views, sql_files
from operations.tables import command as tables
from tests.support.sql_history import Row

CHECKS = sql_files.checks()
VIEWS = sql_files.views()


class Dataset:
    """A dataset of the stand-in, and what a user does with it."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self.address = address
        self.client = bigquery_client.connect("sandbox", address)

    def make(self) -> None:
        tables.create(self.client, self.name)
        bigquery_views.create(self.client, self.name, VIEWS)

    def insert(self, rows: Sequence[Row]) -> None:
        by_table = defaultdict(list)
        for row in rows:
            by_table[row.table].append(row.cells)
        for table, cells in by_table.items():
            assert not self.client.insert_rows_json(f"sandbox.{self.name}.{table}", cells)

    @contextmanager
    def tampered(self, rows: Sequence[Row]) -> Iterator[None]:
        self.insert([Row(table, {**cells, "pipeline_version": "bad"}) for table, cells in rows])
        try:
            yield
        finally:
            for table in {row.table for row in rows}:
                where = "pipeline_version = 'bad'"
                self.query(f"DELETE FROM `sandbox.{self.name}.{table}` WHERE {where}")

    def ask(self, view: str, columns: str = "*") -> list[tuple]:
        return self.query(f"SELECT {columns} FROM `sandbox.{self.name}.{view}` ORDER BY 1, 2, 3")

    def query(self, sql: str) -> list[tuple]:
        return [row.values() for row in self.client.query(sql).result()]

    def command(self, name: str) -> int:
        where = [f"--bigquery_dataset=sandbox.{self.name}", f"--bigquery_endpoint={self.address}"]
        return tables.main([name, *where])

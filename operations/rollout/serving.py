"""The table of ranges that says who is read. Rows are only ever added, so it is a history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from google.api_core import exceptions
from google.cloud import bigquery

from operations import bigquery_client
from operations.errors import RolloutError
from operations.rollout import ranges, views
from operations.rollout.ranges import Served
from operations.rollout.views import bucket_text
from operations.tables import bigquery_views, sql_files
from operations.tables.sql_files import View
from transforms.payment.tables import TABLES

_COLUMNS = (
    ("decided_at", "TIMESTAMP", "When it was decided; the newest decision is in force, whole."),
    ("dataset", "STRING", "PROJECT.DATASET that is read."),
    ("kafka_topic", "STRING", "For records of this topic"),
    ("kafka_partition", "INTEGER", "and this partition,"),
    ("start_offset", "INTEGER", "from this offset, inclusive,"),
    ("end_offset", "INTEGER", "to this one, exclusive;"),
    ("first_bucket", "STRING", "in these of 256 buckets of ids, in hexadecimal, inclusive,"),
    ("last_bucket", "STRING", "to this one, exclusive."),
)


class Decision(NamedTuple):
    """The ranges in force, and since when."""

    decided_at: dt.datetime
    served: tuple[Served, ...]


class LiveDataset:
    """The dataset that readers ask. Every method raises GoogleAPICallError when BigQuery refuses.

    Args:
        name: PROJECT.DATASET.
    """

    def __init__(self, client: bigquery.Client, name: str) -> None:
        self._client = client
        self._name = name
        self._serving = f"{name}.{views.SERVING}"

    def create(self) -> None:
        """Makes the dataset and the table of ranges, unless they are there."""
        self._client.create_dataset(self._name, exists_ok=True, retry=bigquery_client.RETRY)
        table = bigquery.Table(
            self._serving,
            [
                bigquery.SchemaField(name, type_, mode="REQUIRED", description=description)
                for name, type_, description in _COLUMNS
            ],
        )
        table.description = "Which dataset is read for which offsets; the newest decision counts."
        self._client.create_table(table, exists_ok=True, retry=bigquery_client.RETRY)

    def decision(self) -> Decision:
        """Returns the ranges in force.

        Raises:
            RolloutError: nothing was decided yet.
        """
        try:
            rows = list(self._newest())
        except exceptions.NotFound:
            rows = []
        if not rows:
            raise RolloutError(
                f"{self._name} serves nothing yet. Hint: `payments rollout serve` makes it, once."
            )
        return Decision(rows[0][0], tuple(_served(row) for row in rows))

    def decide(self, served: Sequence[Served]) -> None:
        """Puts ranges in force, all at once.

        Raises:
            RolloutError: they would lose or double records; nothing is changed.
        """
        ranges.check(served)
        now = f"TIMESTAMP '{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S.%f}+00'"
        rows = ", ".join(f"({now}, {_cells(each)})" for each in served)
        columns = ", ".join(name for name, *_ in _COLUMNS)
        self._query(f"INSERT INTO `{self._serving}` ({columns}) VALUES {rows}")

    def show(self, datasets: Iterable[str]) -> None:
        """Makes or renews the views, so that these datasets can be read through them.

        One that has no range in force adds nothing to what is read.
        """
        project, _, name = self._name.rpartition(".")
        names = list(datasets)
        shown = [
            View(
                table.name,
                f"{table.description} Of the dataset in force.",
                views.view_of(
                    table,
                    self._name,
                    {dataset: self._columns(dataset, table.name) for dataset in names},
                ),
            )
            for table in TABLES
        ]
        assert project == self._client.project, "views are made by a client of their project"
        bigquery_views.create(self._client, name, [*shown, *sql_files.views()])

    def _newest(self) -> Iterable[list]:
        columns = ", ".join(name for name, *_ in _COLUMNS)
        return bigquery_client.rows(
            self._client,
            f"SELECT {columns} FROM `{self._serving}` WHERE decided_at = "
            f"(SELECT MAX(decided_at) FROM `{self._serving}`) "
            "ORDER BY kafka_topic, kafka_partition, start_offset, end_offset, first_bucket",
        )

    def _columns(self, dataset: str, table: str) -> list[str]:
        found = self._client.get_table(f"{dataset}.{table}", retry=bigquery_client.RETRY)
        return [field.name for field in found.schema]

    def _query(self, sql: str) -> None:
        for _ in bigquery_client.rows(self._client, sql):
            pass


def _cells(span: Served) -> str:
    texts = (span.dataset, span.topic, bucket_text(span.first), bucket_text(span.last))
    dataset, topic, first, last = (f"'{text}'" for text in texts)
    numbers = f"{span.partition}, {span.start}, {span.end}"
    return f"{dataset}, {topic}, {numbers}, {first}, {last}"


def _served(row: Sequence[Any]) -> Served:
    _, dataset, topic, partition, start, end, first, last = row
    return Served(dataset, topic, partition, start, end, int(first, 16), int(last, 16))

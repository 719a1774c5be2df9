"""Tables of one test's in the stand-in, and the sink that writes to them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from operations.tables import bigquery_tables
from pipeline import runners
from tests.integration.standin_process import Standin
from tests.support.bigquery_parts import part
from tests.support.payments import transaction
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.table_stream import Position, TableStream
from transforms.bigquery.write_bigquery import WriteBigQuery
from transforms.bigquery.write_client import WriteClient

_NUMBERS = itertools.count()


class Dataset:
    """The tables of one test, the sink's client, and what SQL finds."""

    def __init__(self, standin: Standin) -> None:
        self.name = f"sink_{next(_NUMBERS)}"
        self._rest = standin.rest()
        bigquery_tables.create(self._rest, self.name)
        self.sink = BigQuerySink("sandbox", self.name, endpoint=standin.address)
        self.client = WriteClient(self.sink)
        self.connections: dict[str, Any] = {}

    def stream(self, table: str = "transactions") -> TableStream:
        return TableStream(self.client, table, ENCODERS[table].schema, self.connections)

    def flush(self, stream: TableStream) -> None:
        for name, end in stream.flushes:
            self.client.flush(name, end)

    def sql(self, asked: str) -> list[tuple[Any, ...]]:
        found = self._rest.query(asked.replace("IN_", f"sandbox.{self.name}.")).result()
        return [tuple(row.values()) for row in found]

    def counted(self, table: str = "transactions") -> tuple[int, int]:
        """Returns rows, and distinct records among them."""
        what = "COUNT(*), COUNT(DISTINCT kafka_offset)"
        return self.sql(f"SELECT {what} FROM `IN_{table}`")[0]  # type: ignore[return-value]

    def write(self, **by_table: Sequence[Any]) -> None:
        """Runs the whole step over lists of elements."""
        options = PipelineOptions([])
        runners.apply_defaults(options, "DirectRunner", "payments")
        root = beam.Pipeline(runner=runners.create("DirectRunner"), options=options)
        ends = {
            table: root | f"Make {table}" >> beam.Create([[each] for each in elements])
            for table, elements in by_table.items()
        }
        _ = ends | WriteBigQuery(self.sink, (0, 1), "1.2.3")
        root.run().wait_until_finish()


def append(dataset: Dataset, count: int, at: Position = Position()) -> TableStream:
    """Appends `count` parts of two rows each, and flushes them."""
    stream = dataset.stream()
    begin = next(_NUMBERS) * 1_000
    offsets = [begin + 2 * number for number in range(count)]
    stream.append(at, [part(f"tx-{each}", f"tx-{each + 1}", offset=each) for each in offsets])
    dataset.flush(stream)
    return stream


def payments(count: int, **changes: Any) -> list[Any]:
    return [
        transaction(f"tx-{number}", offset=number, amount_minor=100 + number, **changes)
        for number in range(count)
    ]

"""Writes all tables with Beam's Java sink: rows of Beam's types, appended and flushed in Java.

In a module of its own, because workers import what the job's program hands them.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Optional

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.gcp.bigquery import BigQueryDisposition, StorageWriteToBigQuery
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.utils.timestamp import Timestamp

from transforms.bigquery.arrow_rows import ENCODERS, Encoder
from transforms.bigquery.sink import BigQuerySink
from transforms.payment.tables import Table

# As the pipeline had it: how often Java appends what it has gathered.
_TRIGGERING_SEC = 1
_PYTHON_TYPES: dict[str, Any] = {
    "STRING": str,
    "INT64": int,
    "FLOAT64": float,
    "NUMERIC": Decimal,
    "TIMESTAMP": Timestamp,
    "BYTES": bytes,
}


class RefusedByBigQuery(RuntimeError):
    """BigQuery refused a row; the sender's ledger has none that it would refuse."""


class WriteByBeam(beam.PTransform):
    """Takes WriteBigQuery's place, with Beam's sink in exactly-once mode for each table.

    Input:      by the name of its table, a PCollection of lists of what ends there.
    Output:     nothing.
    Guarantee:  every row is in its table exactly once, if the flush waits for its checkpoint
                (beam_sink_job.py).
    Limit:      a refused row fails the job.
    """

    def __init__(self, sink: BigQuerySink, pipeline_version: str, expansion_service: str) -> None:
        super().__init__()
        self._sink = sink
        self._version = pipeline_version
        self._expansion_service = expansion_service

    def expand(self, by_table: Mapping[str, beam.PCollection]) -> beam.PCollection[Any]:
        """Returns an empty collection."""
        failing = [self._write(table, elements) for table, elements in by_table.items()]
        return failing | "Merge" >> beam.Flatten()

    def _write(self, table: str, elements: beam.PCollection) -> beam.PCollection[Any]:
        rows = elements | f"Format {table}" >> FormatRows(ENCODERS[table], self._version)
        result = rows | f"Write {table}" >> self._storage_write(table)
        refused = result.failed_rows_with_errors
        return refused | f"Fail {table}" >> beam.ParDo(_FailFn()).with_output_types(bytes)

    def _storage_write(self, table: str) -> StorageWriteToBigQuery:
        return StorageWriteToBigQuery(
            table=f"{self._sink.project}:{self._sink.dataset}.{table}",
            # Created beforehand: this transform would drop the partitioning.
            create_disposition=BigQueryDisposition.CREATE_NEVER,
            write_disposition=BigQueryDisposition.WRITE_APPEND,
            use_at_least_once=False,
            triggering_frequency=_TRIGGERING_SEC,
            num_storage_api_streams=self._sink.streams,
            expansion_service=self._expansion_service,
        )


class FormatRows(beam.PTransform):
    """Formats what steps put out as typed rows.

    Input:      lists of what ends in the encoder's table (arrow_rows.ENCODERS).
    Output:     one row for each element, with exactly the columns of the table.
    """

    def __init__(self, encoder: Encoder, pipeline_version: str) -> None:
        super().__init__()
        self._encoder = encoder
        self._version = pipeline_version

    def expand(self, elements: beam.PCollection[list[Any]]) -> beam.PCollection[Any]:
        """Returns the rows, typed by the table's schema."""
        return elements | "Format" >> beam.ParDo(
            _FormatFn(self._encoder, self._version)
        ).with_output_types(row_type(self._encoder.table))


def row_type(table: Table) -> RowTypeConstraint:
    """Returns the Beam type of a row of `table`."""
    fields = []
    for column in table.columns:
        python_type = _PYTHON_TYPES[column.type]
        fields.append((column.name, Optional[python_type] if column.nullable else python_type))  # noqa: UP045
    return RowTypeConstraint.from_fields(fields)


class _FormatFn(beam.DoFn):
    def __init__(self, encoder: Encoder, pipeline_version: str) -> None:
        self._encoder = encoder
        self._version = pipeline_version

    def setup(self) -> None:
        # Made here, since a class made at run time cannot be pickled with the step.
        self._row: Any = collections.namedtuple("_row", self._encoder.table.column_names)  # type: ignore

    def process(self, elements: list[Any]) -> list[Any]:
        if not elements:
            return []
        batch = self._encoder.encode(elements, self._version)
        return list(map(self._row._make, values_of(batch)))


def values_of(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """Returns the values of each row, as Beam's coder of rows takes them."""
    return zip(*map(_column_values, batch.columns), strict=True)


def _column_values(column: pa.Array) -> list[Any]:
    if not pa.types.is_timestamp(column.type):
        values: list[Any] = column.to_pylist()
        return values
    return [
        None if micros is None else Timestamp(micros=micros)
        for micros in column.cast(pa.int64()).to_pylist()
    ]


class _FailFn(beam.DoFn):
    def process(self, element: Any) -> None:
        raise RefusedByBigQuery(element.error_message)

"""Step 9: writes rows with the Storage Write API, each exactly once."""

from __future__ import annotations

import dataclasses
from typing import Any

import apache_beam as beam
from apache_beam.io.gcp.bigquery import BigQueryDisposition, StorageWriteToBigQuery

from transforms.contract.table_schema import Table


@dataclasses.dataclass(frozen=True)
class BigQuerySink:
    """Where and how to write.

    Attributes:
        project: Google Cloud project of the dataset.
        dataset: dataset that holds the tables, which must exist.
        triggering_sec: how often rows are appended; on Flink they become visible at the next
            checkpoint after it.
        streams: append streams per table.
        expansion_service: host:port of what expands Java transforms, None for Beam's own.
    """

    project: str
    dataset: str
    triggering_sec: int = 1
    streams: int = 2
    expansion_service: str | None = None


class WriteBigQuery(beam.PTransform):
    """Appends rows to a table at stream offsets, so that a repeated append adds nothing.

    Input:      rows with exactly the columns of `table` (FormatRow).
    Output:     rows that BigQuery refused: elements with `failed_row` and `error_message`.
    Guarantee:  every other row is in the table exactly once. On Flink this rests on the flush
                being held back until its checkpoint completes (pipeline/runners.py).
    """

    def __init__(self, sink: BigQuerySink, table: Table) -> None:
        super().__init__()
        self._sink = sink
        self._table = table

    def expand(self, rows: beam.PCollection) -> beam.PCollection[Any]:
        """Returns the refused rows."""
        sink = self._sink
        result = rows | "StorageWrite" >> StorageWriteToBigQuery(
            table=f"{sink.project}:{sink.dataset}.{self._table.name}",
            # Created beforehand: this transform would drop the partitioning.
            create_disposition=BigQueryDisposition.CREATE_NEVER,
            write_disposition=BigQueryDisposition.WRITE_APPEND,
            use_at_least_once=False,
            # Both must be given: auto-sharding from Python writes nothing on Dataflow, silently
            # (apache/beam issues 28168, 28587, 30058).
            triggering_frequency=sink.triggering_sec,
            num_storage_api_streams=sink.streams,
            expansion_service=sink.expansion_service,
        )
        return result.failed_rows_with_errors

"""Step 8: writes what was decided with the Storage Write API, each row exactly once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apache_beam as beam

from transforms.bigquery.append_rows import AppendRows
from transforms.bigquery.arrow_rows import ENCODERS, Encoder
from transforms.bigquery.flush_rows import FlushRows
from transforms.bigquery.pack_rows import GatherByStream, PackRows
from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.write_client import WriteClient


class WriteBigQuery(beam.PTransform):
    """Writes to all tables: append, save the offsets, flush.

    Input:      by the name of its table, a PCollection of lists of what ends there (PackRows).
    Output:     nothing.
    Guarantee:  one row for each element, visible exactly once, whatever is retried or killed: a
                two-phase commit (docs/decisions/0018). A row that BigQuery refuses is a dead
                letter, or stops the job where nothing else can hold it.
    Limit:      the id of a refused transaction stays remembered, so its corrected copy would be a
                duplicate. DecodeTransaction checks all that BigQuery checks: a refused row is a
                bug, and an alert.
    State:      a name and a number per table and stream.
    """

    def __init__(
        self,
        sink: BigQuerySink,
        stream_keys: tuple[int, ...],
        pipeline_version: str,
        encoders: Mapping[str, Encoder] = ENCODERS,
        client: type[WriteClient] = WriteClient,
    ) -> None:
        super().__init__()
        self._sink = sink
        self._stream_keys = stream_keys
        self._encoders = encoders
        self._client = client
        self._version = pipeline_version

    def expand(self, by_table: Mapping[str, beam.PCollection]) -> beam.PCollection[Any]:
        """Returns an empty collection."""
        parts = [
            elements | f"Pack {table}" >> PackRows(self._encoders[table], self._version)
            for table, elements in by_table.items()
        ]
        return (
            parts
            | "Merge" >> beam.Flatten()
            | "GatherByStream" >> GatherByStream(self._stream_keys)
            | "AppendRows" >> AppendRows(self._sink, self._encoders, self._version, self._client)
            # Saves what is to be flushed, before it is: a boundary on every runner.
            | "Save" >> beam.Reshuffle()
            | "FlushRows" >> FlushRows(self._sink, self._client)
        )

"""Gathers the rows of a bundle, and puts them out as Arrow batches.

An append costs as much whatever it holds, and so does an element on its way between two steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.windowed_value import WindowedValue

from transforms.bigquery import arrow_rows
from transforms.bigquery.append_connection import Part
from transforms.bigquery.arrow_rows import Encoder

# A megabyte of payments, and a tenth of what BigQuery takes in one request (10 MB).
_ROWS_MAX = 4_000
# A dead letter alone may hold twice 2 MiB (DeadLetter.KEPT_BYTES_MAX): with one more it stays
# below the limit of a request.
_BYTES_MAX = 4 * 1_048_576


class PackRows(beam.PTransform):
    """Makes Arrow batches of a table's rows.

    Input:      lists of what ends in the encoder's table (arrow_rows.ENCODERS).
    Output:     Part (table, rows, batch), at most 4,000 rows and, unless it is a single row, 4 MiB.
    Guarantee:  one row for each element, under any retry: a bundle that fails puts out nothing.
    """

    def __init__(self, encoder: Encoder, pipeline_version: str) -> None:
        super().__init__()
        self._encoder = encoder
        self._version = pipeline_version

    def expand(self, elements: beam.PCollection[list[Any]]) -> beam.PCollection[Part]:
        """Returns the batches."""
        return elements | "Pack" >> beam.ParDo(
            _PackFn(self._encoder, self._version)
        ).with_output_types(tuple[str, int, bytes])


class GatherByStream(beam.PTransform):
    """Puts the batches of a bundle, of all tables, onto the streams in turn.

    Input:      Part.
    Output:     (number of the stream, [Part, …]), in the order in which they came.
    """

    def __init__(self, streams: tuple[int, ...]) -> None:
        super().__init__()
        self._streams = streams

    def expand(self, parts: beam.PCollection[Part]) -> beam.PCollection[tuple[int, list[Part]]]:
        """Returns what each stream is to append."""
        return parts | "Gather" >> beam.ParDo(_GatherFn(self._streams)).with_output_types(
            tuple[int, list[tuple[str, int, bytes]]]
        )


class _PackFn(beam.DoFn):
    def __init__(self, encoder: Encoder, pipeline_version: str) -> None:
        self._encoder = encoder
        self._version = pipeline_version
        self._clear()

    def _clear(self) -> None:
        self._rows: list[Any] = []
        self._bytes = 0
        self._timestamp: Any = None

    def start_bundle(self) -> None:
        self._clear()  # what a failed bundle had gathered comes again

    def process(
        self, elements: list[Any], timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[TimestampedValue]:
        self._rows += elements
        self._bytes += arrow_rows.weight_bytes(elements)
        if self._timestamp is None or timestamp < self._timestamp:
            self._timestamp = timestamp
        if len(self._rows) >= _ROWS_MAX or self._bytes >= _BYTES_MAX:
            for part in self._parts():
                yield TimestampedValue(part, self._timestamp)
            self._clear()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._rows:
            for part in self._parts():
                yield WindowedValue(part, self._timestamp, (GlobalWindow(),))
        self._clear()

    def _parts(self) -> Iterator[tuple[str, int, bytes]]:
        for begin in range(0, len(self._rows), _ROWS_MAX):
            rows = self._rows[begin : begin + _ROWS_MAX]
            whole = self._encoder.encode(rows, self._version)
            for batch in arrow_rows.slices(whole, _BYTES_MAX):
                yield self._encoder.table.name, batch.num_rows, batch.serialize().to_pybytes()


class _GatherFn(beam.DoFn):
    def __init__(self, streams: tuple[int, ...]) -> None:
        self._streams = streams
        self._next = 0
        self._clear()

    def _clear(self) -> None:
        self._parts: list[tuple[str, int, bytes]] = []
        self._bytes = 0
        self._timestamp: Any = None

    def start_bundle(self) -> None:
        self._clear()

    def process(
        self, part: tuple[str, int, bytes], timestamp: Any = beam.DoFn.TimestampParam
    ) -> Iterator[TimestampedValue]:
        self._parts.append(part)
        self._bytes += len(part[2])
        if self._timestamp is None or timestamp < self._timestamp:
            self._timestamp = timestamp
        if self._bytes >= _BYTES_MAX:
            yield TimestampedValue((self._stream(), self._parts), self._timestamp)
            self._clear()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._parts:
            element = (self._stream(), self._parts)
            yield WindowedValue(element, self._timestamp, (GlobalWindow(),))
        self._clear()

    def _stream(self) -> int:
        self._next = (self._next + 1) % len(self._streams)
        return self._streams[self._next]

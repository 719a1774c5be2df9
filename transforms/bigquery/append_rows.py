"""Appends rows at the offsets that state says, and tells what to flush."""

from __future__ import annotations

import concurrent.futures
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from transforms import metrics
from transforms.bigquery.append_connection import AppendConnection, Part
from transforms.bigquery.arrow_rows import Encoder
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.table_stream import REFUSED_ROWS_MAX, Flush, Position, TableStream
from transforms.bigquery.write_client import WriteClient
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.tables import DEAD_LETTERS

Positions = dict[str, Position]


class AppendRows(beam.PTransform):
    """Appends to BUFFERED streams; nothing of it is visible yet.

    Input:      (number of the stream, [Part, …]).
    Output:     (stream, end): Flush.
    Guarantee:  the rows before `end` of a stream are the rows of the elements that the state with
                this offset covers, each once. Whatever another attempt appended behind is left in
                a stream that nobody flushes further.
    State:      for each table the name of its stream and the next offset.
    """

    def __init__(
        self,
        sink: BigQuerySink,
        encoders: Mapping[str, Encoder],
        pipeline_version: str,
        client: type[WriteClient] = WriteClient,
    ) -> None:
        super().__init__()
        self._client = client
        self._sink = sink
        self._encoders = encoders
        self._version = pipeline_version

    def expand(self, gathered: beam.PCollection[tuple[int, list[Part]]]) -> beam.PCollection[Flush]:
        """Returns what to flush."""
        return gathered | "Append" >> beam.ParDo(
            _AppendFn(self._sink, self._encoders, self._version, self._client)
        ).with_output_types(tuple[str, int])


class _AppendFn(beam.DoFn):
    # State names survive a job update: renaming one loses the offsets.
    POSITIONS = ReadModifyWriteStateSpec("positions", BytesCoder())

    def __init__(
        self,
        sink: BigQuerySink,
        encoders: Mapping[str, Encoder],
        pipeline_version: str,
        client: type[WriteClient],
    ) -> None:
        self._connect = client
        self._sink = sink
        self._encoders = encoders
        self._version = pipeline_version
        self._refused = metrics.counter("records_refused")

    def setup(self) -> None:
        self._client = self._connect(self._sink)
        self._connections: dict[str, AppendConnection] = {}
        self._untaken: Counter[str] = Counter()
        self._schemas = {table: each.schema for table, each in self._encoders.items()}
        # Appends of different tables are on their way together.
        self._threads = concurrent.futures.ThreadPoolExecutor(len(self._encoders), "append")

    def teardown(self) -> None:
        self._threads.shutdown(wait=False)
        # Each has a thread of gRPC's that waits for requests, whether its channel is open or not.
        for connection in self._connections.values():
            connection.close()
        self._client.close()

    def process(
        self,
        element: tuple[int, list[tuple[str, int, bytes]]],
        positions: Any = beam.DoFn.StateParam(POSITIONS),
    ) -> Iterator[Flush]:
        known = decode(positions.read())
        by_table: dict[str, list[Part]] = {}
        for table, rows, batch in element[1]:
            by_table.setdefault(table, []).append(Part(table, rows, batch))
        flushes, letters = self._append_all(known, by_table)
        if letters:
            self._refused.inc(len(letters))
            more, _ = self._append_all(known, {DEAD_LETTERS.name: self._parts_of(letters)})
            flushes += more
        positions.write(encode(known))
        yield from flushes

    def _append_all(
        self, known: Positions, by_table: dict[str, list[Part]]
    ) -> tuple[list[Flush], list[DeadLetter]]:
        """Appends to all tables at a time, and brings `known` up to date."""
        streams = [
            TableStream(self._client, table, self._schemas[table], self._connections)
            for table in by_table
        ]
        arguments = [(known.get(table, Position()), parts) for table, parts in by_table.items()]
        if len(streams) == 1:
            streams[0].append(*arguments[0])
        else:
            futures = [
                self._threads.submit(stream.append, *each)
                for stream, each in zip(streams, arguments, strict=True)
            ]
            concurrent.futures.wait(futures)
            for future in futures:
                future.result()
        for table, stream in zip(by_table, streams, strict=True):
            known[table] = stream.position
            self._require_some_taken(table, by_table[table], stream.letters)
        return (
            [flush for stream in streams for flush in stream.flushes],
            [letter for stream in streams for letter in stream.letters],
        )

    def _require_some_taken(
        self, table: str, parts: Sequence[Part], letters: Sequence[DeadLetter]
    ) -> None:
        """Raises CannotWrite where a table has taken nothing for a while, however slowly it came.

        A table that was changed refuses every row, and each is lost to its table for good.
        """
        if len(letters) < sum(part.rows for part in parts):
            self._untaken[table] = 0
            return
        self._untaken[table] += len(letters)
        if self._untaken[table] > REFUSED_ROWS_MAX:
            raise CannotWrite(
                f"BigQuery has refused the last {self._untaken[table]} rows of {table}: "
                f"{letters[-1].detail}. Hint: has the table been changed? "
                "`payments tables diff` compares it."
            )

    def _parts_of(self, letters: Sequence[DeadLetter]) -> list[Part]:
        batch = self._encoders[DEAD_LETTERS.name].encode(letters, self._version)
        return [Part(DEAD_LETTERS.name, batch.num_rows, batch.serialize().to_pybytes())]


def encode(positions: Positions) -> bytes:
    """Returns the positions as they rest in state."""
    return orjson.dumps({table: tuple(each) for table, each in positions.items()})


def decode(stored: bytes | None) -> Positions:
    """Returns what `encode` was called on; none for None."""
    if stored is None:
        return {}
    return {table: Position(*each) for table, each in orjson.loads(stored).items()}

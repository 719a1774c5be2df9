"""BigQuery in this process: streams at offsets, flushes, and refused rows.

The sink's steps are pickled, so they find theirs by the name of the dataset.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Collection, Sequence
from typing import Any

import grpc
import pyarrow as pa

from transforms.bigquery.append_connection import Part, Problem, Storage
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.sink import BigQuerySink

Rows = dict[str, list[Any]]  # by table

_BY_DATASET: dict[str, FakeBigQuery] = {}


class FakeBigQuery:
    """One dataset.

    Args:
        dataset: its name.
        refused_ids: payments with these ids are refused.

    Attributes:
        streams: the appended rows of each stream.
        flushed: how many of them are visible.
        finalized: streams that take no more, and no flush.
        removed: streams that BigQuery does not know any more; what was flushed stays.
        problems: what the next appends are answered, one each; they are not applied.
        lost_answers: what the next appends are answered, one each; they are applied.
        names_refused: whether an answer names the rows that are refused.
    """

    def __init__(self, dataset: str, refused_ids: Collection[str] = ()) -> None:
        _BY_DATASET[dataset] = self
        self.refused_ids = frozenset(refused_ids)
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.flushed: dict[str, int] = collections.defaultdict(int)
        self.finalized: set[str] = set()
        self.removed: set[str] = set()
        self.problems: list[Problem] = []
        self.lost_answers: list[Problem] = []
        self.names_refused = True
        self.numbers = itertools.count()

    def rows(self) -> Rows:
        """Returns what is visible in each table that has rows."""
        found: Rows = {}
        for stream, rows in self.streams.items():
            table = table_of(stream)
            row = collections.namedtuple(table, ENCODERS[table].schema.names)
            visible = [row(**each) for each in rows[: self.flushed[stream]]]
            if visible:
                found.setdefault(table, []).extend(visible)
        return found


class FakeClient:
    """In the place of write_client.WriteClient."""

    def __init__(self, sink: BigQuerySink) -> None:
        self._bigquery = _BY_DATASET[sink.dataset]

    def create_stream(self, table: str) -> str:
        name = f"{table}/{next(self._bigquery.numbers)}"
        self._bigquery.streams[name] = []
        return name

    def owns(self, table: str, stream: str) -> bool:
        return table_of(stream) == table

    def connect(self, stream: str, schema: pa.Schema) -> FakeConnection:
        return FakeConnection(self._bigquery, stream, schema)

    def flush(self, stream: str, end: int) -> None:
        held = self._bigquery.streams.get(stream, [])
        ended = self._bigquery.finalized | self._bigquery.removed
        if end > len(held) or stream in ended:
            raise CannotWrite(f"{stream} cannot be flushed up to {end - 1}")
        self._bigquery.flushed[stream] = max(end, self._bigquery.flushed[stream])

    def close(self) -> None:
        return


class FakeConnection:
    """In the place of append_connection.AppendConnection."""

    def __init__(self, bigquery: FakeBigQuery, stream: str, schema: pa.Schema) -> None:
        self._bigquery = bigquery
        self._stream = stream
        self._schema = schema

    def append(self, offset: int, parts: Sequence[Part]) -> tuple[int, Problem | None]:
        parts = list(parts)
        for taken, part in enumerate(parts):
            problem = self._append(offset, part)
            if problem is not None:
                return taken, problem
            offset += part.rows
            if self._bigquery.lost_answers:
                # What was sent behind it may be applied as well.
                for behind in parts[taken + 1 : taken + 1 + len(parts) // 2]:
                    self._append(offset, behind)
                    offset += behind.rows
                return taken, self._bigquery.lost_answers.pop(0)
        return len(parts), None

    def _append(self, offset: int, part: Part) -> Problem | None:
        if self._bigquery.problems:
            return self._bigquery.problems.pop(0)
        held = self._bigquery.streams.get(self._stream)
        if held is None or self._stream in self._bigquery.removed:
            return Problem(grpc.StatusCode.NOT_FOUND, "no such stream")
        if self._stream in self._bigquery.finalized:
            ended = grpc.StatusCode.INVALID_ARGUMENT
            return Problem(ended, "finalized", Storage.STREAM_FINALIZED)
        if offset != len(held):
            taken = offset < len(held)
            code = grpc.StatusCode.ALREADY_EXISTS if taken else grpc.StatusCode.OUT_OF_RANGE
            return Problem(code, f"the next offset is {len(held)}, got {offset}")
        rows = pa.ipc.read_record_batch(pa.py_buffer(part.batch), self._schema).to_pylist()
        assert len(rows) == part.rows
        refused = {
            place: "refused by the test"
            for place, row in enumerate(rows)
            if row.get("transaction_id") in self._bigquery.refused_ids
        }
        if refused:
            named = refused if self._bigquery.names_refused else {}
            return Problem(grpc.StatusCode.INVALID_ARGUMENT, "rows refused", refused=named)
        held.extend(rows)
        return None

    def close(self) -> None:
        return


def table_of(stream: str) -> str:
    """Returns the table of a stream."""
    return stream.partition("/")[0]

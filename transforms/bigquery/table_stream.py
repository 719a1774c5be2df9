"""Appends to one table's stream, and knows what follows from each of BigQuery's answers.

    taken                                    the next offset is behind it
    unavailable, quota, deadline, broken     the same append again, at the same offset
    the offset is taken, or out of range     a stream of our own; see `_leave`
    the stream is unknown or finalized       a stream of our own
    rows are refused                         taken out as dead letters; the others again
    anything else                            the job stops

Rows are flushed by who is told to (Flush), and only up to an offset that state covers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import grpc
import pyarrow as pa

from transforms.bigquery import refused_rows
from transforms.bigquery.append_connection import AppendConnection, Part, Problem, Storage
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.write_client import Patience, WriteClient, helps_to_wait
from transforms.contract.dead_letter import DeadLetter

# One refused row is a bug of ours. Many at a time are a table that was changed: they must not all
# become dead letters, for their ids stay remembered.
REFUSED_ROWS_MAX = 100

_NOT_OUR_OFFSET = (grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.OUT_OF_RANGE)
_STREAM_ENDED = (Storage.STREAM_NOT_FOUND, Storage.STREAM_FINALIZED, Storage.INVALID_STREAM_STATE)


class Position(NamedTuple):
    """Where the next row goes.

    Attributes:
        stream: full name, None before the first append.
        offset: of the next row.
    """

    stream: str | None = None
    offset: int = 0


class Flush(NamedTuple):
    """What to make visible once the state that covers it is saved.

    Attributes:
        stream: full name.
        end: the first offset that is not to be visible.
        last: whether the stream is left, and is to be finalized.
    """

    stream: str
    end: int
    last: bool


class TableStream:
    """The stream of one table that one key of the state writes to.

    Attributes:
        position: where the next row goes.
        flushes: what to make visible, of everything appended here.
        letters: dead letters of rows that were refused.
    """

    def __init__(
        self,
        client: WriteClient,
        table: str,
        schema: pa.Schema,
        connections: dict[str, AppendConnection],
    ) -> None:
        self.position = Position()
        self.flushes: list[Flush] = []
        self.letters: list[DeadLetter] = []
        self._client = client
        self._table = table
        self._schema = schema
        self._connections = connections

    def append(self, position: Position, parts: Iterable[Part]) -> None:
        """Appends the rows of all parts from `position` on, however often it takes.

        Raises:
            CannotWrite: BigQuery does not take them; nothing of it may be flushed then.
        """
        self.position, self.flushes, self.letters = position, [], []
        waiting = deque(parts)
        patience = Patience(f"take rows of {self._table}")
        while waiting:
            problem = self._append(waiting)
            if problem is None:
                break
            self._close()
            if helps_to_wait(problem.code):
                patience.pause(f"{problem.code.name} {problem.message}")
            elif self._is_lost(problem):
                self._leave(problem)
                patience.pause(f"{problem.code.name} {problem.message}")
            elif problem.code is grpc.StatusCode.INVALID_ARGUMENT:
                waiting.extendleft(reversed(self._without_refused(waiting.popleft(), problem)))
            else:
                raise CannotWrite(
                    f"BigQuery does not take rows of {self._table}: {problem.code.name} "
                    f"{problem.message}"
                )
        if self.position.stream is not None and self.position.offset:
            self.flushes.append(Flush(self.position.stream, self.position.offset, last=False))

    def _append(self, waiting: deque[Part]) -> Problem | None:
        """Appends what waits, and takes it out; returns why the first that is left was not."""
        stream, offset = self.position
        if stream is None:
            stream = self._client.create_stream(self._table)
        connection = self._connections.get(stream)
        if connection is None:
            connection = self._client.connect(stream, self._schema)
            self._connections[stream] = connection
        taken, problem = connection.append(offset, waiting)
        for _ in range(taken):
            offset += waiting.popleft().rows
        self.position = Position(stream, offset)
        return problem

    def _is_lost(self, problem: Problem) -> bool:
        """Returns whether this stream cannot be gone on with."""
        return (
            problem.code in (*_NOT_OUR_OFFSET, grpc.StatusCode.NOT_FOUND)
            or problem.storage_code in _STREAM_ENDED
        )

    def _leave(self, problem: Problem) -> None:
        """Goes on in another stream.

        At our offset lie rows of another attempt, which were appended after the state that we go
        on from was saved; or our own, whose answer was lost. Nothing tells one from the other, so
        none of them may ever be flushed: the stream ends at the offset that state covers.
        """
        stream, offset = self.position
        if stream is not None and problem.code is not grpc.StatusCode.NOT_FOUND:
            self.flushes.append(Flush(stream, offset, last=True))
        elif stream is not None and offset:
            # Perhaps it is only this call that does not find it. If it is really gone, the flush
            # says so, and the job stops.
            self.flushes.append(Flush(stream, offset, last=False))
        self.position = Position()

    def _without_refused(self, part: Part, problem: Problem) -> list[Part]:
        """Returns what is to be appended instead of a part with refused rows."""
        refused = {place: text for place, text in problem.refused.items() if place < part.rows}
        if not refused and part.rows > 1:
            return refused_rows.halves(part, self._schema)
        refused = refused or {0: problem.message}
        self.letters += refused_rows.letters(part, self._schema, refused)
        if len(self.letters) > REFUSED_ROWS_MAX:
            raise CannotWrite(
                f"BigQuery refuses one row of {self._table} after the other, {len(self.letters)} "
                f"at once: {problem.message}. Hint: has the table been changed? "
                "`python -m pipeline.tables diff` compares it."
            )
        return refused_rows.without(part, self._schema, refused)

    def _close(self) -> None:
        if self.position.stream is not None:
            connection = self._connections.pop(self.position.stream, None)
            if connection is not None:
                connection.close()

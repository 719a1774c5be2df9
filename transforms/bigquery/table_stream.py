"""Appends to one table's stream, and knows what follows from each of BigQuery's answers.

    taken                                    the next offset is behind it
    unavailable, quota, deadline, broken     the same append again, at the same offset
    the offset is taken, or out of range     a stream of our own; see `_leave`
    the stream is unknown or finalized       a stream of our own
    rows are refused                         taken out as dead letters; the others again
    the table has other columns              the job stops
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
from transforms.bigquery.patience import Patience
from transforms.bigquery.write_client import WriteClient, helps_to_wait
from transforms.payment.dead_letter import DeadLetter

# One refused row is a bug of ours. Many at a time are a table that was changed: they must not all
# become dead letters, for their ids stay remembered.
REFUSED_ROWS_MAX = 100

# The offset is not ours, or the stream is unknown or ended. To continue in another is always safe.
_LOST = (
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
)
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
    """

    stream: str
    end: int


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
        self._begin = Position()

    def append(self, position: Position, parts: Iterable[Part]) -> None:
        """Appends the rows of all parts from `position` on, however often it takes.

        Raises:
            CannotWrite: BigQuery does not take them; nothing of it may be flushed then.
        """
        self.position, self.flushes, self.letters = position, [], []
        self._begin = position
        waiting = deque(parts)
        patience = Patience(f"take rows of {self._table}")
        while waiting:
            problem = self._append(waiting)
            if problem is None:
                break
            self._close()
            if _may_pass(problem) or self._is_lost(problem):
                if not _may_pass(problem):
                    self._leave()
                patience.pause(f"{problem.code.name} {problem.message}")
            elif problem.code is grpc.StatusCode.INVALID_ARGUMENT and not _is_about_all(problem):
                waiting.extendleft(reversed(self._without_refused(waiting.popleft(), problem)))
            else:
                raise CannotWrite(
                    f"BigQuery does not take rows of {self._table}: {problem.code.name} "
                    f"{problem.message}. Hint: has the table been changed? `payments "
                    "tables diff` compares it; the job needs roles/bigquery.dataEditor."
                )
        self._flush_taken()

    def _append(self, waiting: deque[Part]) -> Problem | None:
        """Appends what waits, and takes it out; returns why the first that is left was not."""
        stream, offset = self.position
        if stream is None:
            stream = self._client.create_stream(self._table)
        elif not self._client.owns(self._table, stream):
            raise CannotWrite(
                f"the state of this job appends to {stream}, which is no stream of its tables. "
                "Hint: a savepoint goes on with the tables it was taken from (docs/upgrade.md)."
            )
        connection = self._connections.get(stream)
        if connection is None:
            connection = self._client.connect(stream, self._schema)
            self._connections[stream] = connection
        self.position = Position(stream, offset)
        try:
            taken, problem = connection.append(offset, waiting)
        except BaseException:
            self._close()  # answers that are still to come must not be taken for those of others
            raise
        for _ in range(taken):
            offset += waiting.popleft().rows
        self.position = Position(stream, offset)
        return problem

    def _is_lost(self, problem: Problem) -> bool:
        """Returns whether this stream cannot be gone on with."""
        if problem.code in _LOST or problem.storage_code in _STREAM_ENDED:
            return True
        # BigQuery says INVALID_ARGUMENT of streams that have ended, too. Rows are at fault only
        # where they are named, or a stream that was just opened refuses them as well.
        return (
            problem.code is grpc.StatusCode.INVALID_ARGUMENT
            and not problem.refused
            and not _is_about_all(problem)
            and self.position.stream == self._begin.stream
        )

    def _leave(self) -> None:
        """Goes on in another stream.

        At our offset lie rows of another attempt, which were appended after the state that we go
        on from was saved; or our own, whose answer was lost. Nothing tells one from the other, so
        none of them may ever be flushed: the stream ends at the offset that state covers.

        It is not finalized. BigQuery answers a flush of a finalized stream with INVALID_ARGUMENT,
        and a flush is repeated after a failure: done or lost could not be told apart any more.
        """
        self._flush_taken()
        self.position = Position()

    def _flush_taken(self) -> None:
        """Notes what was appended here. What lay there before has a Flush of its own.

        A stream that BigQuery has removed, because the job stood still for days, must not be
        flushed again for rows that are visible.
        """
        stream, offset = self.position
        before = self._begin.offset if stream == self._begin.stream else 0
        if stream is not None and offset > before:
            self.flushes.append(Flush(stream, offset))

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
                "`payments tables diff` compares it."
            )
        return refused_rows.without(part, self._schema, refused)

    def _close(self) -> None:
        if self.position.stream is not None:
            connection = self._connections.pop(self.position.stream, None)
            if connection is not None:
                connection.close()


def _may_pass(problem: Problem) -> bool:
    """Returns whether the same append may be taken a moment later, over another connection.

    One that has been open for long may end because its token has expired.
    """
    return helps_to_wait(problem.code) or problem.code is grpc.StatusCode.UNAUTHENTICATED


def _is_about_all(problem: Problem) -> bool:
    """Returns whether the table is not as this pipeline writes it, and no row is at fault."""
    return bool(problem.storage_code == Storage.SCHEMA_MISMATCH_EXTRA_FIELDS)

"""One AppendRows call: requests go out without waiting, answers come back in their order.

Not the client library's `AppendRowsStream`: it answers after 0.3 to 0.8 s, hides which rows were
refused (googleapis/python-bigquery-storage 836), and its retries end once the call is open (593).
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import grpc
import pyarrow as pa
from google.api_core import exceptions
from google.api_core.gapic_v1 import routing_header
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2

from transforms.bigquery.errors import CannotWrite

# Enough to hide the round trip (tens of ms) behind the next requests. A part of payments has about
# a megabyte.
_IN_FLIGHT_MAX = 8
# BigQuery answers an append within a second; a call that hangs is given up and made again.
ANSWER_SEC = 30.0

Storage = types.StorageError.StorageErrorCode


class Part(NamedTuple):
    """Rows of one table that are appended at once.

    Attributes:
        table: name of the table.
        rows: how many.
        batch: an Arrow record batch, serialised without its schema.
    """

    table: str
    rows: int
    batch: bytes


class Problem(NamedTuple):
    """Why an append was not, or may not have been, applied.

    Attributes:
        code: the status that BigQuery gave, or DEADLINE_EXCEEDED when it gave none.
        message: for a human.
        storage_code: BigQuery's own code; UNSPECIFIED when there is none.
        refused: messages of refused rows by their place in the part; may not name all.
    """

    code: grpc.StatusCode
    message: str
    storage_code: Any = Storage.STORAGE_ERROR_CODE_UNSPECIFIED
    refused: dict[int, str] = {}  # noqa: RUF012


class AppendConnection:
    """An open call for one stream. After a problem it must be closed, and another opened.

    Args:
        call: the stub's AppendRows.
        stream: full name of the stream.
        schema: of every part.
        trace_id: names this pipeline in BigQuery's own logs and metrics.
    """

    def __init__(self, call: Any, stream: str, schema: pa.Schema, trace_id: str) -> None:
        self._stream = stream
        self._schema = schema
        self._trace_id = trace_id
        self._begun = False
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        routing = routing_header.to_grpc_metadata((("write_stream", stream),))
        self._call = call(iter(self._requests.get, None), metadata=(routing,))
        threading.Thread(target=self._listen, name="append-rows", daemon=True).start()

    def append(self, offset: int, parts: Sequence[Part]) -> tuple[int, Problem | None]:
        """Appends parts one behind the other, the first at `offset`.

        Returns:
            how many parts were taken, and why the next was not; None when all were.

        Raises:
            CannotWrite: they were taken at another offset, which must never happen.
        """
        next_offset, sent = offset, 0
        for taken, part in enumerate(parts):
            while sent < min(len(parts), taken + _IN_FLIGHT_MAX):
                self._send(next_offset, parts[sent])
                next_offset += parts[sent].rows
                sent += 1
            problem = self._problem_of_next(offset)
            if problem is not None:
                return taken, problem
            offset += part.rows
        return len(parts), None

    def close(self) -> None:
        """Ends the call; what was sent and is not answered may or may not be applied."""
        self._requests.put(None)
        with contextlib.suppress(grpc.RpcError):
            self._call.cancel()

    def _send(self, offset: int, part: Part) -> None:
        rows = types.AppendRowsRequest.ArrowData()
        rows.rows.serialized_record_batch = part.batch
        request = types.AppendRowsRequest(offset=offset, arrow_rows=rows)
        if not self._begun:
            request.write_stream = self._stream
            request.trace_id = self._trace_id
            request.arrow_rows.writer_schema.serialized_schema = (
                self._schema.serialize().to_pybytes()
            )
            self._begun = True
        self._requests.put(request)

    def _listen(self) -> None:
        try:
            for answer in self._call:
                self._answers.put(answer)
        except grpc.RpcError as error:
            self._answers.put(error)
        else:
            self._answers.put(None)

    def _problem_of_next(self, offset: int) -> Problem | None:
        try:
            answer = self._answers.get(timeout=ANSWER_SEC)
        except queue.Empty:
            return Problem(grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer for {ANSWER_SEC:g} s")
        if answer is None:
            return Problem(grpc.StatusCode.UNAVAILABLE, "the connection was closed")
        if isinstance(answer, grpc.RpcError):
            return _problem_of_error(answer)
        if answer.error.code:
            return _problem_of_answer(answer)
        self._check_place(answer.append_result.offset, offset)
        return None

    def _check_place(self, taken_at: int | None, offset: int) -> None:
        if taken_at != offset:  # None does not say that anything was taken
            raise CannotWrite(f"{self._stream} took rows at offset {taken_at}, not at {offset}")


def _problem_of_answer(answer: Any) -> Problem:
    code = _CODES.get(answer.error.code, grpc.StatusCode.UNKNOWN)
    refused = {int(each.index): str(each.message) for each in answer.row_errors}
    return Problem(code, answer.error.message, _storage_code(answer.error.details), refused)


def _problem_of_error(error: Any) -> Problem:
    details = exceptions.from_grpc_error(error).details or ()
    return Problem(error.code(), error.details() or "", _storage_code(details))


def _storage_code(details: Iterable[Any]) -> Any:
    """Returns BigQuery's own code, of details that are packed (Any) where Google knows them not."""
    for each in details:
        found = types.StorageError.pb(types.StorageError())
        if isinstance(each, any_pb2.Any) and each.Unpack(found):
            return types.StorageError(found).code
    return Storage.STORAGE_ERROR_CODE_UNSPECIFIED


_CODES: dict[int, grpc.StatusCode] = {each.value[0]: each for each in grpc.StatusCode}

"""One AppendRows call, with a server that is a function: what is made of each answer."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pyarrow as pa
import pytest
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2
from google.rpc import status_pb2

from transforms.bigquery import append_connection
from transforms.bigquery.append_connection import AppendConnection, Part, Problem, Storage
from transforms.bigquery.errors import CannotWrite

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False)])
STREAM = "projects/p/datasets/d/tables/t/streams/s"
Request = types.AppendRowsRequest
Serve = Callable[[Iterator[Request]], Iterator[types.AppendRowsResponse]]


class Call:
    """What a stub's AppendRows returns; like gRPC it reads requests in a thread of its own."""

    def __init__(self, requests: Iterator[Request], serve: Serve) -> None:
        self._received: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._requests = requests
        self._answers = serve(iter(self._received.get, None))
        self.cancelled = threading.Event()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for request in self._requests:
            self._received.put(request)
        self._received.put(None)

    def __iter__(self) -> Iterator[types.AppendRowsResponse]:
        return self._answers

    def cancel(self) -> None:
        self.cancelled.set()
        self._received.put(None)


class Ended(grpc.RpcError, grpc.Call):
    """A call that ended with a status, as gRPC raises it."""

    def __init__(self, code: grpc.StatusCode, cause: Storage | None = None) -> None:
        self._code = code
        status = status_pb2.Status(code=code.value[0], message="told by the server")
        if cause is not None:
            status.details.append(storage_error(cause))
        self._trailers = (("grpc-status-details-bin", status.SerializeToString()),)

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "told by the server"

    def trailing_metadata(self) -> Any:
        return self._trailers

    initial_metadata = add_callback = cancel = is_active = time_remaining = None  # type: ignore


Ended.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


def storage_error(cause: Storage) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(types.StorageError.pb(types.StorageError(code=cause)))
    return packed


def taken(offset: int | None) -> types.AppendRowsResponse:
    result = types.AppendRowsResponse.AppendResult(offset=offset)
    return types.AppendRowsResponse(append_result=result)


def refused(
    code: grpc.StatusCode, cause: Storage | None = None, rows: dict[int, str] | None = None
) -> types.AppendRowsResponse:
    status = status_pb2.Status(code=code.value[0], message="told by the server")
    if cause is not None:
        status.details.append(storage_error(cause))
    answer = types.AppendRowsResponse(error=status)
    answer.row_errors = [
        types.RowError(index=at, message=text) for at, text in (rows or {}).items()
    ]
    return answer


def parts(*sizes: int) -> list[Part]:
    found = []
    for number, size in enumerate(sizes):
        batch = pa.record_batch([pa.array([f"{number}"] * size)], schema=SCHEMA)
        found.append(Part("t", size, batch.serialize().to_pybytes()))
    return found


def connect(serve: Serve) -> tuple[AppendConnection, list[Call]]:
    calls: list[Call] = []

    def call(requests: Iterator[Request], metadata: Any) -> Call:
        calls.append(Call(requests, serve))
        return calls[-1]

    return AppendConnection(call, STREAM, SCHEMA, "trace"), calls


def takes_all(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
    for request in requests:
        yield taken(request.offset)


# --- What is sent ---------------------------------------------------------------------------------


def test_offsets_follow_each_other_and_the_schema_is_sent_once() -> None:
    received: list[Request] = []

    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        for request in requests:
            received.append(request)
            yield taken(request.offset)

    connection, _ = connect(serve)
    assert connection.append(40, parts(3, 1)) == (2, None)
    assert connection.append(44, parts(2)) == (1, None)

    assert [each.offset for each in received] == [40, 43, 44]
    assert [each.write_stream for each in received] == [STREAM, "", ""]
    schemas = [each.arrow_rows.writer_schema.serialized_schema for each in received]
    assert pa.ipc.read_schema(pa.py_buffer(schemas[0])) == SCHEMA
    assert schemas[1:] == [b"", b""]


def test_no_more_than_eight_requests_are_on_their_way() -> None:
    waiting = 0
    most = 0

    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        nonlocal waiting, most
        held: list[Request] = []
        while waiting < 20:
            # Answers only when the sink would not send another before it has one.
            while len(held) < min(8, 20 - waiting):
                held.append(next(requests))
            most = max(most, len(held))
            waiting += 1
            yield taken(held.pop(0).offset)

    connection, _ = connect(serve)
    assert connection.append(0, parts(*[1] * 20)) == (20, None)
    assert most == 8


# --- What is made of an answer --------------------------------------------------------------------


def test_rows_at_another_offset_stop_the_job_and_nothing_follows_on_the_call() -> None:
    connection, _ = connect(lambda requests: (taken(each.offset + 1) for each in requests))
    with pytest.raises(CannotWrite, match="took rows at offset 6, not at 5"):
        connection.append(5, parts(1, 1))


def test_an_answer_without_an_offset_is_not_success() -> None:
    connection, _ = connect(lambda requests: (taken(None) for _ in requests))
    with pytest.raises(CannotWrite, match="offset None, not at 5"):
        connection.append(5, parts(1))


def test_an_answer_with_neither_result_nor_error_is_not_success() -> None:
    connection, _ = connect(lambda requests: (types.AppendRowsResponse() for _ in requests))
    with pytest.raises(CannotWrite):
        connection.append(0, parts(1))


def test_refused_rows_are_named_with_their_messages() -> None:
    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        yield taken(next(requests).offset)
        yield refused(grpc.StatusCode.INVALID_ARGUMENT, rows={0: "first", 2: "third"})

    connection, _ = connect(serve)
    assert connection.append(0, parts(1, 3, 1)) == (
        1,
        Problem(
            grpc.StatusCode.INVALID_ARGUMENT,
            "told by the server",
            refused={0: "first", 2: "third"},
        ),
    )


@pytest.mark.parametrize("cause", [Storage.STREAM_FINALIZED, Storage.SCHEMA_MISMATCH_EXTRA_FIELDS])
def test_bigquerys_own_code_is_read_from_an_answer(cause: Storage) -> None:
    code = grpc.StatusCode.INVALID_ARGUMENT
    connection, _ = connect(lambda requests: (refused(code, cause) for _ in requests))
    assert connection.append(0, parts(1))[1] == Problem(code, "told by the server", cause)


@pytest.mark.parametrize("cause", [Storage.STREAM_FINALIZED, Storage.STREAM_NOT_FOUND])
def test_bigquerys_own_code_is_read_from_the_end_of_a_call(cause: Storage) -> None:
    # Else a finalized stream looks like refused rows, which would all become dead letters.
    code = grpc.StatusCode.INVALID_ARGUMENT

    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        yield taken(next(requests).offset)
        raise Ended(code, cause)

    connection, _ = connect(serve)
    assert connection.append(0, parts(1, 1)) == (1, Problem(code, "told by the server", cause))


def test_a_call_that_ends_without_a_word_is_unavailable() -> None:
    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        yield taken(next(requests).offset)

    connection, _ = connect(serve)
    found, problem = connection.append(0, parts(1, 1))
    assert found == 1
    assert problem is not None
    assert problem.code is grpc.StatusCode.UNAVAILABLE


def test_a_call_that_was_ended_while_idle_is_found_at_the_next_append() -> None:
    ended = threading.Event()

    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        yield taken(next(requests).offset)
        ended.set()
        raise Ended(grpc.StatusCode.ABORTED)

    connection, _ = connect(serve)
    assert connection.append(0, parts(1)) == (1, None)
    ended.wait()
    assert connection.append(1, parts(1)) == (
        0,
        Problem(grpc.StatusCode.ABORTED, "told by the server"),
    )


def test_a_call_that_hangs_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(append_connection, "ANSWER_SEC", 0.01)
    silent = threading.Event()

    def serve(requests: Iterator[Request]) -> Iterator[types.AppendRowsResponse]:
        yield taken(next(requests).offset)
        silent.wait()

    connection, calls = connect(serve)
    _, problem = connection.append(0, parts(1, 1))
    assert problem is not None
    assert problem.code is grpc.StatusCode.DEADLINE_EXCEEDED
    connection.close()
    assert calls[0].cancelled.is_set()
    silent.set()


def test_nothing_is_left_of_a_closed_connection() -> None:
    before = set(threading.enumerate())
    for _ in range(20):
        connection, _ = connect(takes_all)
        connection.append(0, parts(1))
        connection.close()
    # gRPC's reader waits for requests until it is told that there are no more.
    left = set(threading.enumerate()) - before
    for each in left:
        each.join(5)
    assert not [each for each in left if each.is_alive()]

"""The calls beside AppendRows handle each status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types

from tests.support.bigquery_parts import Clock
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.sink import BigQuerySink
from transforms.bigquery.write_client import WriteClient

_PASSING = [
    exceptions.ServiceUnavailable,
    exceptions.ResourceExhausted,
    exceptions.DeadlineExceeded,
    exceptions.Aborted,
    exceptions.InternalServerError,
    exceptions.Cancelled,
    exceptions.Unknown,
]


class Answers:
    """In the place of the generated client: raises what it is given, then answers.

    Attributes:
        asked: the requests.
    """

    def __init__(self, *errors: type[Exception]) -> None:
        self._errors = list(errors)
        self.asked: list[Any] = []

    def flush_rows(self, request: Any, retry: object, timeout: float) -> None:
        assert retry is None  # ours repeats; two would multiply
        assert timeout == 30
        self.asked.append(request)
        if self._errors:
            raise self._errors.pop(0)("told by the server")

    def create_write_stream(self, request: Any, retry: object, timeout: float) -> Any:
        self.flush_rows(request, retry, timeout)
        return types.WriteStream(name="the/stream")


@pytest.fixture
def client(monkeypatch) -> Iterator[WriteClient]:
    Clock(monkeypatch)
    made = WriteClient(BigQuerySink("p", "d", endpoint="127.0.0.1:1"))  # connects to nothing
    yield made
    made.close()


def answering(client: WriteClient, *errors: type[Exception]) -> Answers:
    client._client = Answers(*errors)
    return client._client


@pytest.mark.parametrize("error", _PASSING, ids=lambda error: error.__name__)
def test_what_may_pass_is_asked_again(client, error) -> None:
    answers = answering(client, error, error)
    client.flush("s", 5)
    assert [each.offset for each in answers.asked] == [4, 4, 4]  # the last row, inclusive
    answering(client, error)
    assert client.create_stream("t") == "the/stream"


def test_a_flush_that_was_done_before_is_done(client) -> None:
    assert len(answering(client, exceptions.AlreadyExists).asked) == 0
    client.flush("s", 5)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.NotFound, "NOT_FOUND"),
        (exceptions.OutOfRange, "OUT_OF_RANGE"),
        (exceptions.InvalidArgument, "INVALID_ARGUMENT"),
        (exceptions.FailedPrecondition, "FAILED_PRECONDITION"),
    ],
)
def test_a_flush_that_cannot_be_done_names_stream_offset_and_why(client, error, code) -> None:
    answering(client, error)
    with pytest.raises(CannotWrite, match=rf"stream s cannot .* to offset 4 \({code}: told by"):
        client.flush("s", 5)


@pytest.mark.parametrize("error", [exceptions.PermissionDenied, exceptions.Unauthenticated])
def test_a_missing_permission_is_said_at_once(client, error) -> None:
    for ask in (lambda: client.flush("s", 5), lambda: client.create_stream("t")):
        answers = answering(client, error)
        with pytest.raises(CannotWrite, match=r"refuses to .*roles/bigquery\.dataEditor"):
            ask()
        assert len(answers.asked) == 1


@pytest.mark.parametrize("error", [exceptions.NotFound, exceptions.InvalidArgument])
def test_a_stream_that_cannot_be_opened_names_its_table(client, error) -> None:
    answering(client, error)
    with pytest.raises(CannotWrite, match=r"projects/p/datasets/d/tables/t: told by.*tables diff"):
        client.create_stream("t")

"""Answers to an append that is refused, as BigQuery gives them: within the open connection.

AppendRowsResponse.error holds a status, and in its details a StorageError that says which of the
causes of that status it is; clients in Java and Go look at nothing else. row_errors name the rows.
bqemulator sends the status alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

# BigQuery's list "may not be complete because of the size limitations": a client must not take a
# row that is not named for a good one.
ROW_ERRORS_MAX = 3

_ROWS_REFUSED = (
    "Errors found while processing rows. Please refer to the row_errors field for details. "
    "The list may not be complete because of the size limitations. Entity: {}"
)


@dataclasses.dataclass(frozen=True)
class RowError:
    """What is wrong with the row at `index` of a request."""

    index: int
    message: str


def refusal(
    stream: str, status: str, message: str, cause: str = "", rows: Sequence[RowError] = ()
) -> bytes:
    """Returns an encoded AppendRowsResponse that refuses an append.

    Args:
        stream: the stream's full name.
        status: the name of a gRPC status.
        message: for a human.
        cause: the name of a StorageErrorCode, when there is one for it.
        rows: those which are named.
    """
    import grpc
    from google.cloud.bigquery_storage_v1 import types
    from google.protobuf import any_pb2

    response = types.AppendRowsResponse.pb()(write_stream=stream)
    response.error.code = grpc.StatusCode[status].value[0]
    response.error.message = message
    if cause:
        code = types.StorageError.StorageErrorCode[cause]
        detail = types.StorageError.pb()(code=code, entity=stream, error_message=message)
        packed = any_pb2.Any()
        packed.Pack(detail)
        response.error.details.append(packed)
    for row in rows:
        kind = types.RowError.RowErrorCode.FIELDS_ERROR
        response.row_errors.add(index=row.index, code=kind, message=row.message)
    return bytes(response.SerializeToString())


def rows_refused(stream: str, rows: Sequence[RowError]) -> bytes:
    """Returns the answer to an append of which nothing is appended because of some of its rows."""
    message = _ROWS_REFUSED.format(stream)
    return refusal(stream, "INVALID_ARGUMENT", message, rows=rows[:ROW_ERRORS_MAX])


def offset_taken(stream: str, expected: int, received: int) -> bytes:
    """Returns the answer to an append at an offset that holds a row already."""
    # Java's client reads both numbers from the text.
    message = (
        f"The offset is within stream, expected offset {expected}, received {received} "
        f"Entity: {stream}"
    )
    return refusal(stream, "ALREADY_EXISTS", message, "OFFSET_ALREADY_EXISTS")


def offset_beyond_end(stream: str, expected: int, received: int) -> bytes:
    """Returns the answer to an append that would leave a gap."""
    message = (
        f"The offset is beyond stream, expected offset {expected}, received {received} "
        f"Entity: {stream}"
    )
    return refusal(stream, "OUT_OF_RANGE", message, "OFFSET_OUT_OF_RANGE")


def finalized(stream: str) -> bytes:
    """Returns the answer to an append to a stream that takes no more rows."""
    message = f"Stream has been finalized and cannot be appended. Entity: {stream}"
    return refusal(stream, "INVALID_ARGUMENT", message, "STREAM_FINALIZED")

"""FlushRows as BigQuery does it: the offset is inclusive, and flushing twice is an error.

bqemulator takes the offset as exclusive: the last row of every flush stays invisible, and
flushing a single row at offset 0 fails. Both sinks flush the offset of the last row that they
appended, and take ALREADY_EXISTS to mean that a flush they repeat was done before.

A finalized stream cannot be flushed, even where it was before: so says a user who asked Google's
service (flink-bigquery-connector, issue 235), and Beam's sink expects it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from sandbox.bigquery import durable_streams


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a flush is refused: the name of a gRPC status, and its message."""

    status: str
    message: str


def decide(
    stream: str, offset: int, appended: int, flushed: int, finalized: bool = False
) -> int | Refusal:
    """Returns up to which row (exclusive) a stream is flushed by FlushRows(offset)."""
    end = offset + 1
    if finalized:
        return Refusal("INVALID_ARGUMENT", f"Stream is already finalized. Entity: {stream}")
    if offset < 0:
        return Refusal("INVALID_ARGUMENT", f"Offset {offset} is negative. Entity: {stream}")
    if end > appended:
        return Refusal(
            "OUT_OF_RANGE", f"Offset {offset} is beyond the end of the stream Entity: {stream}"
        )
    if end <= flushed:
        return Refusal("ALREADY_EXISTS", f"Offset {offset} is already flushed. Entity: {stream}")
    return end


def apply() -> None:
    """Replaces the emulator's FlushRows."""
    from bqemulator.grpc_api import write_servicer

    write_servicer.BigQueryWriteHandler._handle_flush_rows = _handle_flush_rows


def _handle_flush_rows(handler: Any, request_bytes: bytes, context: Any) -> bytes:
    import grpc
    from bqemulator.streaming.write_stream import WriteStreamState, WriteStreamType
    from google.cloud.bigquery_storage_v1 import types

    request = types.FlushRowsRequest.deserialize(request_bytes)
    stream = handler.manager.get(request.write_stream)

    def refuse(refusal: Refusal) -> bytes:
        context.set_code(grpc.StatusCode[refusal.status])
        context.set_details(refusal.message)
        return b""

    if stream is None:
        entity = f"Requested entity was not found. Entity: {request.write_stream}"
        return refuse(Refusal("NOT_FOUND", entity))
    if stream.stream_type is not WriteStreamType.BUFFERED:
        kind = f"FlushRows on a {stream.stream_type.value} stream. Entity: {stream.name}"
        return refuse(Refusal("INVALID_ARGUMENT", kind))
    with stream.lock:
        decision = decide(
            stream.name,
            int(request.offset),
            stream.next_offset,
            stream.flushed_rows,
            stream.state is WriteStreamState.FINALIZED,
        )
        if isinstance(decision, Refusal):
            return refuse(decision)
        durable_streams.flush(handler, stream, decision)
    response = types.FlushRowsResponse(offset=request.offset)
    return bytes(types.FlushRowsResponse.serialize(response))

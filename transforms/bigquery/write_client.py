"""The calls of BigQuery's Storage Write API, each repeated as long as that can help."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import grpc
import pyarrow as pa
from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)

from transforms.bigquery import claim_watch
from transforms.bigquery.append_connection import AppendConnection
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.patience import Patience
from transforms.bigquery.sink import BigQuerySink

# One attempt. BigQuery answers these calls within a second or two.
_ATTEMPT_SEC = 30.0
# gRPC would wait for up to two minutes before it tries to connect again.
_CHANNEL = (("grpc.max_reconnect_backoff_ms", 2_000),)
# A connection that died without a word is noticed by a ping; once a minute, as Beam's sink asks.
_PINGED = (*_CHANNEL, ("grpc.keepalive_time_ms", 60_000), ("grpc.keepalive_timeout_ms", 20_000))

_HELPED_BY_WAITING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
)


def helps_to_wait(code: grpc.StatusCode) -> bool:
    """Returns whether the same call may succeed a moment later."""
    return code in _HELPED_BY_WAITING


class WriteClient:
    """A connection to the Storage Write API for the tables of one dataset."""

    connection = AppendConnection

    def __init__(self, sink: BigQuerySink) -> None:
        self._sink = sink
        if sink.endpoint is None:
            channel = BigQueryWriteGrpcTransport.create_channel(options=_PINGED)
        else:
            channel = grpc.insecure_channel(sink.endpoint, options=_CHANNEL)
        self._channel = channel
        self._client = BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))

    def create_stream(self, table: str) -> str:
        """Returns the name of a new stream whose rows are visible when they are flushed."""
        place = self._place(table)
        kind = types.WriteStream(type_=types.WriteStream.Type.BUFFERED)
        request = types.CreateWriteStreamRequest(parent=place, write_stream=kind)
        create = functools.partial(self._client.create_write_stream, request)
        try:
            return str(_repeated(create, f"open a stream of {table}").name)
        except exceptions.GoogleAPICallError as error:
            raise CannotWrite(
                f"BigQuery opens no stream of {place}: {error.message}. Hint: `payments "
                "tables diff` tells whether the table is there."
            ) from None

    def owns(self, table: str, stream: str) -> bool:
        """Returns whether a stream is one of this table."""
        return stream.startswith(f"{self._place(table)}/streams/")

    def _place(self, table: str) -> str:
        return f"projects/{self._sink.project}/datasets/{self._sink.dataset}/tables/{table}"

    def connect(self, stream: str, schema: pa.Schema) -> AppendConnection:
        """Opens a call that appends rows of this schema to a stream."""
        call = self._client.transport.append_rows
        return self.connection(call, stream, schema, self._sink.trace_id)

    def flush(self, stream: str, end: int) -> None:
        """Makes the rows of a stream before offset `end` visible; twice does the same as once.

        Raises:
            CannotWrite: the stream does not hold them.
            ClaimLost: the tables are another run's.
        """
        request = types.FlushRowsRequest(write_stream=stream, offset=end - 1)
        try:
            _repeated(functools.partial(self._flush_if_ours, request), f"flush {stream}")
        except exceptions.AlreadyExists:
            return  # visible already
        except exceptions.GoogleAPICallError as error:
            # NOT_FOUND, OUT_OF_RANGE, or INVALID_ARGUMENT of a stream that was finalized. Taken
            # for done, the rows would be missing and nobody would know.
            code = error.grpc_status_code.name if error.grpc_status_code else error.code
            raise CannotWrite(
                f"rows that BigQuery had taken are gone: the stream {stream} cannot be flushed up "
                f"to offset {end - 1} ({code}: {error.message}). Hint: rows "
                "before that offset may be visible or not; `reconcile` tells which records are "
                "missing, and --start_from_tables reads them again."
            ) from None

    def _flush_if_ours(self, request: types.FlushRowsRequest, **options: Any) -> Any:
        sink = self._sink
        if sink.claim_id is not None:
            watch = claim_watch.of(sink.project, sink.dataset, sink.endpoint, sink.claim_id)
            watch.require()
        return self._client.flush_rows(request, **options)

    def close(self) -> None:
        """Closes the channel, and with it every open call."""
        self._channel.close()


def _repeated(call: Callable[..., Any], what: str) -> Any:
    """Returns what the call answers, which is made again while that can help.

    Raises:
        CannotWrite: it has been tried for long enough, or is not allowed.
        GoogleAPICallError: any other answer.
    """
    patience = Patience(what)
    while True:
        try:
            return call(retry=None, timeout=_ATTEMPT_SEC)
        except (exceptions.Forbidden, exceptions.Unauthenticated) as error:
            raise CannotWrite(
                f"BigQuery refuses to {what}: {error.message}. Hint: the job needs "
                "roles/bigquery.dataEditor on the dataset."
            ) from None
        except exceptions.GoogleAPICallError as error:
            code = error.grpc_status_code
            if code is None or not helps_to_wait(code):
                raise
            patience.pause(f"{code.name} {error.message}")

"""AppendRows refuses what BigQuery refuses, and keeps Arrow rows in the bytes in which they came.

bqemulator takes requests that are too big for BigQuery and answers larger ones RESOURCE_EXHAUSTED;
takes null in a REQUIRED column, so that the flush fails, and every flush after it; drops columns
that the table does not have; and reads any type as any other, INT64 as TIMESTAMP for one. A sink
that works with it would not work with BigQuery.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sandbox.bigquery import append_answers
from sandbox.bigquery.append_answers import RowError

# "Must be less than 10 MB", says the reference. BigQuery has been seen to count 10485760.
REQUEST_BYTES_MAX = 10_000_000


class Rows(NamedTuple):
    """The rows of one append.

    Attributes:
        table: with the columns that were written, and those required, in the order of the table.
        kept: the same rows as durable_streams.encode writes them; None to have it do so.
    """

    table: Any
    kept: bytes | None = None


class ExtraColumnsError(ValueError):
    """The writer has columns that the table does not have."""


def apply() -> None:
    """Replaces the emulator's AppendRows. Builds on durable_streams."""
    from bqemulator.grpc_api import write_servicer

    write_servicer.BigQueryWriteHandler._handle_append_rows = _handle_append_rows


def _handle_append_rows(handler: Any, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
    connection = _Connection(handler, context)
    for request in requests:
        answer = connection.answer(request)
        if answer is None:
            return  # the context says why
        yield answer


class _Connection:
    """One AppendRows call. The stream and the writer's schema hold until others are named."""

    def __init__(self, handler: Any, context: Any) -> None:
        from google.cloud.bigquery_storage_v1 import types

        self._handler, self._context = handler, context
        self._parse = types.AppendRowsRequest.pb().FromString  # without the wrapper: 0.1 ms less
        self._rows_max = handler._ctx.settings.write_api_max_stream_rows
        self._bound: Any = None
        self._proto_decoder: Any = None
        self._arrow_schema = b""

    def answer(self, encoded: bytes) -> bytes | None:
        """Returns the answer to one request; None when it ends the connection."""
        import pyarrow

        request = self._parse(encoded)
        self._bound = self._handler._ensure_stream_bound(
            request.write_stream, self._bound, self._context
        )
        if self._bound is None:
            return None
        stream, columns = self._bound
        # Of a refused request as well: clients do not send it again on the same connection.
        if request.arrow_rows.HasField("writer_schema"):
            self._arrow_schema = request.arrow_rows.writer_schema.serialized_schema
        if len(encoded) > REQUEST_BYTES_MAX:
            message = f"AppendRows request too large: {len(encoded)} limit {REQUEST_BYTES_MAX}"
            text = f"{message} Entity: {stream.name}"
            return append_answers.refusal(stream.name, "INVALID_ARGUMENT", text)
        try:
            rows = self._rows(request, columns)
        except ExtraColumnsError as error:
            cause = "SCHEMA_MISMATCH_EXTRA_FIELDS"
            return append_answers.refusal(stream.name, "INVALID_ARGUMENT", str(error), cause)
        except (ValueError, TypeError, pyarrow.ArrowException) as error:
            return append_answers.refusal(stream.name, "INVALID_ARGUMENT", str(error))
        if wrong := nulls_in_required_columns(rows.table):
            return append_answers.rows_refused(stream.name, wrong)
        offset = int(request.offset.value) if request.HasField("offset") else None
        perform = self._handler._perform_append
        return bytes(perform(stream, rows.table, offset, self._rows_max, kept=rows.kept))

    def _rows(self, request: Any, columns: Any) -> Rows:
        from bqemulator.grpc_api import write_servicer

        if not request.HasField("arrow_rows"):
            table, self._proto_decoder, _ = write_servicer._rows_for_request(
                request, self._proto_decoder, None, columns
            )
            return Rows(table)
        if not self._arrow_schema:
            raise ValueError("arrow_rows sent without prior writer_schema on this connection")
        batch = request.arrow_rows.rows.serialized_record_batch
        return arrow_rows(self._arrow_schema, batch, columns)


def arrow_rows(schema: bytes, batch: bytes, columns: Any) -> Rows:
    """Returns rows that came as Arrow.

    Args:
        schema: of the writer, serialized.
        batch: a record batch, serialized.
        columns: the schema of the table.

    Raises ExtraColumnsError, TypeError or an error of Arrow's when it is not for that table.
    """
    import pyarrow

    stream = schema + batch
    written = pyarrow.ipc.open_stream(stream).read_all()
    positions = {name: position for position, name in enumerate(written.schema.names)}
    extra = sorted(positions.keys() - set(columns.names))
    if extra:
        raise ExtraColumnsError(f"Input schema has more fields than BigQuery schema: {extra}")
    kept: bytes | None = stream
    fields, arrays = [], []
    for column in columns:
        position = positions.get(column.name)
        if position is None:
            if not column.nullable:
                fields.append(column)
                arrays.append(pyarrow.nulls(written.num_rows, column.type))
            continue
        values = written.column(position)
        if values.type != column.type:
            _require_same_kind(column, values.type)
            values = values.cast(column.type)
            kept = None
        fields.append(column)
        arrays.append(values)
    return Rows(pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields)), kept)


def _require_same_kind(column: Any, written: Any) -> None:
    """Raises TypeError for a type that is not one of the column's in another width or unit."""
    from pyarrow import types

    def strings(kind: Any) -> bool:
        return bool(types.is_string(kind) or types.is_large_string(kind))

    def binaries(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def instants(kind: Any) -> bool:
        return bool(types.is_timestamp(kind) and kind.tz is not None)

    kinds = (types.is_integer, types.is_floating, types.is_decimal, types.is_nested)
    if not any(of(written) and of(column.type) for of in (*kinds, strings, binaries, instants)):
        raise TypeError(f"Arrow type {written} is not one for column {column.name}: {column.type}")


def nulls_in_required_columns(table: Any) -> list[RowError]:
    """Returns an error for each row without a value that its column requires."""
    import pyarrow.compute

    wrong: dict[int, RowError] = {}
    for column, values in zip(table.schema, table.columns, strict=True):
        if column.nullable or not values.null_count or pyarrow.types.is_list(column.type):
            continue
        indexes = pyarrow.compute.indices_nonzero(pyarrow.compute.is_null(values))
        for index in indexes.to_pylist():
            wrong.setdefault(index, RowError(index, f"Field {column.name}: value is required"))
    return [wrong[index] for index in sorted(wrong)]

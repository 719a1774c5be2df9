"""Streams outlive the process, as BigQuery's do: rows that were appended are never forgotten.

bqemulator keeps streams in memory. A job whose rows are appended but not yet flushed when the
stand-in is killed would lose them: Beam's sink takes a flush to an unknown stream for done. So
what a stream knows is written down before the client hears of it:

    append   the rows, which say the stream's next offset, into the append log
    flush    the rows into their table, and how far the stream is flushed, in one transaction;
             then the append log forgets them: killed in between, they are passed over at start
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.bigquery import append_answers
from sandbox.bigquery.append_log import AppendLog

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS sandbox_streams;
CREATE TABLE IF NOT EXISTS sandbox_streams.streams (
  name VARCHAR, type VARCHAR, state VARCHAR,
  next_offset BIGINT, flushed_rows BIGINT, row_count BIGINT
);
CREATE TABLE IF NOT EXISTS sandbox_streams.flushes (name VARCHAR, flushed_rows BIGINT);
"""
# REST may be adding a column: known to the catalog first, then to the table.
_ATTEMPTS_MAX = 5
_ATTEMPTS_APART_SEC = 0.1
_ADD_FLUSH = "INSERT INTO sandbox_streams.flushes VALUES (?, ?)"
# A flush adds a row, in half of the time that it takes to replace one; they are added up at start.
_ADD_UP_FLUSHES = """
UPDATE sandbox_streams.streams AS streams SET flushed_rows = flushes.flushed_rows
FROM (SELECT name, MAX(flushed_rows) AS flushed_rows FROM sandbox_streams.flushes GROUP BY name)
  AS flushes
WHERE streams.name = flushes.name AND streams.flushed_rows < flushes.flushed_rows;
DELETE FROM sandbox_streams.flushes;
"""


def apply() -> None:
    """Makes the emulator's handler write down what it does, and read it at start."""
    from bqemulator.grpc_api import write_servicer
    from google.cloud.bigquery_storage_v1 import types

    handler = write_servicer.BigQueryWriteHandler
    construct = handler.__init__

    def construct_and_load(self: Any, *arguments: Any, **options: Any) -> None:
        construct(self, *arguments, **options)
        _load(self)

    handler.__init__ = construct_and_load
    handler._perform_append = append
    create, finalize = handler._handle_create_write_stream, handler._handle_finalize_write_stream

    def create_and_save(self: Any, request_bytes: bytes, context: Any) -> bytes:
        answer = bytes(create(self, request_bytes, context))
        _save_named(self, str(types.WriteStream.deserialize(answer).name))
        return answer

    def finalize_and_save(self: Any, request_bytes: bytes, context: Any) -> bytes:
        answer = bytes(finalize(self, request_bytes, context))
        _save_named(self, str(types.FinalizeWriteStreamRequest.deserialize(request_bytes).name))
        return answer

    handler._handle_create_write_stream = create_and_save
    handler._handle_finalize_write_stream = finalize_and_save


def append(
    handler: Any,
    stream: Any,
    rows: Any,
    offset: int | None,
    rows_max: int,
    *,
    kept: bytes | None = None,
) -> bytes:
    """Appends as the emulator does, and writes it down before the client hears of it.

    Args:
        kept: what `encode` would make of the rows, when the caller has it.
    """
    from bqemulator.grpc_api import write_servicer
    from bqemulator.streaming.strategies import select_strategy
    from bqemulator.streaming.strategies.base import AppendStatus

    with stream.lock:
        next_offset, row_count, batches = stream.next_offset, stream.row_count, len(stream.buffer)
        outcome = select_strategy(stream.stream_type).append(
            stream, rows, offset, max_buffered_rows=rows_max
        )
        if outcome.status is not AppendStatus.OK:
            return _refusal(stream, offset, outcome)
        try:
            if outcome.committed_rows is not None:
                with _transaction(handler) as connection:
                    insert_rows(connection, stream, outcome.committed_rows)
                    _save(connection, stream)
            elif rows.num_rows:
                encoded = encode(rows) if kept is None else kept
                handler.append_log.write(stream.name, next_offset, stream.next_offset, encoded)
        except BaseException:
            # Or a repeated append would be answered with ALREADY_EXISTS, and its rows be lost.
            stream.next_offset, stream.row_count = next_offset, row_count
            del stream.buffer[batches:]
            raise
        if outcome.committed_rows is not None:
            announce(handler, stream, rows.num_rows)
    return bytes(write_servicer._ok_response(stream.name, outcome))


def _refusal(stream: Any, offset: int | None, outcome: Any) -> bytes:
    match outcome.status.value:
        case "ALREADY_EXISTS":
            return append_answers.offset_taken(stream.name, stream.next_offset, offset or 0)
        case "OUT_OF_RANGE":
            return append_answers.offset_beyond_end(stream.name, stream.next_offset, offset or 0)
        case "STREAM_FINALIZED":
            return append_answers.finalized(stream.name)
        case status:
            return append_answers.refusal(stream.name, status, outcome.detail)


def flush(handler: Any, stream: Any, end: int) -> None:
    """Moves a stream's rows up to `end` into their table. The caller holds the stream's lock."""
    import duckdb
    import pyarrow

    # A column may have been added while the stream was open: rows from before have null there.
    buffered = pyarrow.concat_tables(stream.buffer, promote_options="default")
    count = end - stream.flushed_rows
    for attempts_left in reversed(range(_ATTEMPTS_MAX)):
        try:
            with _transaction(handler) as connection:
                insert_rows(connection, stream, buffered.slice(0, count))
                connection.execute(_ADD_FLUSH, [stream.name, end])
            break
        except (duckdb.TransactionException, duckdb.BinderException):
            if not attempts_left:
                raise
            time.sleep(_ATTEMPTS_APART_SEC)
    # Flushed rows are never asked for again: the buffer starts at `flushed_rows`.
    rest = buffered.slice(count)
    stream.buffer = [rest.combine_chunks()] if rest.num_rows else []
    stream.flushed_rows = end
    announce(handler, stream, count)
    handler.append_log.forget(stream.name, end)


def insert_rows(connection: Any, stream: Any, rows: Any) -> None:
    """Inserts rows into the stream's table, within the caller's transaction."""
    from bqemulator.storage.sql_identifiers import quoted_table_ref

    table = quoted_table_ref(stream.project_id, stream.dataset_id, stream.table_id)
    connection.register("sandbox_rows", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM sandbox_rows")
    finally:
        connection.unregister("sandbox_rows")


def announce(handler: Any, stream: Any, count: int) -> None:
    """Brings the table's row count up to date, and forgets cached results of queries.

    The count is brought up to date in memory; on disk it took a transaction beside that of the
    rows. At start the rows are counted.
    """
    table = (stream.project_id, stream.dataset_id, stream.table_id)
    with handler._write_lock:
        meta = handler._ctx.catalog.get_table(*table)
        if meta is not None:
            _set_row_count(handler, meta, meta.num_rows + count)
        handler._ctx.snapshots.record_change(*table)


def _set_row_count(handler: Any, meta: Any, count: int) -> None:
    catalog = handler._ctx.catalog
    # The catalog in memory is behind the one on disk; with an ephemeral one there is no other.
    cache = getattr(catalog, "_cache", catalog)
    cache.update_table(meta.model_copy(update={"num_rows": count}))


def encode(rows: Any) -> bytes:
    """Returns an Arrow table as bytes that say their own schema."""
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue().to_pybytes())


def decode(encoded: bytes) -> Any:
    """Returns the table that `encode` was given."""
    import pyarrow

    return pyarrow.ipc.open_stream(encoded).read_all()


@contextlib.contextmanager
def _transaction(handler: Any) -> Iterator[Any]:
    """Runs one transaction at a time on this thread's connection."""
    connection = handler._ctx.engine.connection
    with handler._write_lock:
        connection.execute("BEGIN")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _save(connection: Any, stream: Any) -> None:
    connection.execute("DELETE FROM sandbox_streams.streams WHERE name = ?", [stream.name])
    connection.execute(
        "INSERT INTO sandbox_streams.streams VALUES (?, ?, ?, ?, ?, ?)",
        [
            stream.name,
            stream.stream_type.value,
            stream.state.value,
            stream.next_offset,
            stream.flushed_rows,
            stream.row_count,
        ],
    )


def _save_named(handler: Any, name: str) -> None:
    """Writes a stream down; a request that was refused has named none."""
    stream = handler.manager.get(name)
    if stream is not None:
        with stream.lock, _transaction(handler) as connection:
            _save(connection, stream)


def _load(handler: Any) -> None:
    from bqemulator.streaming.write_stream import (
        WriteStreamState,
        WriteStreamType,
        parse_stream_name,
    )

    handler.append_log = AppendLog(Path(handler._ctx.settings.data_dir))
    connection = handler._ctx.engine.connection
    connection.execute(_SCHEMA)
    connection.execute(f"BEGIN; {_ADD_UP_FLUSHES} COMMIT")
    saved = connection.execute("SELECT * FROM sandbox_streams.streams").fetchall()
    for name, kind, state, next_offset, flushed_rows, row_count in saved:
        stream = handler.manager.create(*parse_stream_name(name), WriteStreamType(kind))
        stream.state = WriteStreamState(state)
        stream.flushed_rows = flushed_rows
        # Rows that are flushed are in no log any more, and `streams` has the end of long ago.
        stream.next_offset = max(next_offset, flushed_rows)
        stream.row_count = max(row_count, flushed_rows)
        for first, end, encoded in handler.append_log.read(name):
            if end > flushed_rows:
                stream.buffer.append(decode(encoded).slice(max(0, flushed_rows - first)))
                stream.next_offset = stream.row_count = end
    _count_rows(handler, connection)


def _count_rows(handler: Any, connection: Any) -> None:
    """Tells the catalog how many rows the tables with streams hold."""
    from bqemulator.storage.sql_identifiers import quoted_table_ref

    streams = handler.manager.list_active()
    for table in {(each.project_id, each.dataset_id, each.table_id) for each in streams}:
        meta = handler._ctx.catalog.get_table(*table)
        if meta is not None:  # it may have been deleted since
            counted = connection.execute(f"SELECT COUNT(*) FROM {quoted_table_ref(*table)}")
            _set_row_count(handler, meta, counted.fetchone()[0])

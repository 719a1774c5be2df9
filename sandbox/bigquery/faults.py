"""Faults on demand: what BigQuery's write API does on a bad day. Off unless a file asks for them.

Write the sandbox's faults.json, and it holds from the next request on; delete it, and it is over:

    {"drop_after_append_every": 10}   the 10th, 20th … append is applied, its connection broken
    {"drop_after_flush_every": 2}     every second flush is applied and answered UNAVAILABLE
    {"unavailable": true}             every call is answered UNAVAILABLE and not applied
    {"append_delay_ms": 2000}         every append takes two seconds longer
    {"flush_delay_ms": 5000}          every flush waits five seconds, then is applied, wanted or not
    {"append_not_found_every": 5}     every fifth append is told that its stream does not exist
    {"append_exhausted_every": 5}     every fifth append is told that a quota is used up
    {"append_deadline_every": 5}      every fifth append is answered DEADLINE_EXCEEDED, not applied
    {"append_hangs_every": 5}         every fifth append is neither answered nor applied; its
                                      connection stays open until the client gives it up
    {"append_offset_taken_every": 5}  every fifth append that gets this far is answered
                                      ALREADY_EXISTS and not applied; the connection stays open
    {"refuse_rows_with": "TEXT"}      an append with TEXT in a STRING column is refused, row_errors
                                      names the first three of its rows, and none is appended
    {"refuse_tables": ["t", "u"]}     the fault above befalls appends to these tables only
    {"flush_not_found_every": 2}      every second flush is answered NOT_FOUND and not applied
    {"flush_unavailable_every": 2}    every second flush is answered UNAVAILABLE and not applied
    {"create_exhausted_every": 2}     every second CreateWriteStream: RESOURCE_EXHAUSTED, no stream

Exactly once means that none of them can be seen in the table. What this does not do, because
BigQuery does not either, is to forget a stream that holds rows: Beam's sink takes a flush that is
answered NOT_FOUND for done, and the rows would be lost (durable_streams.py). With that sink
flush_not_found_every loses rows, therefore: it is for one that knows better.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sandbox.bigquery import append_answers
from sandbox.bigquery.append_answers import RowError

_HANGS_SEC = 600.0  # when the client has not said how long it waits


@dataclasses.dataclass(frozen=True)
class Faults:
    """What goes wrong, and how often; 0 is never."""

    drop_after_append_every: int = 0
    drop_after_flush_every: int = 0
    unavailable: bool = False
    append_delay_ms: int = 0
    flush_delay_ms: int = 0
    append_not_found_every: int = 0
    append_exhausted_every: int = 0
    append_deadline_every: int = 0
    append_hangs_every: int = 0
    append_offset_taken_every: int = 0
    refuse_rows_with: str = ""
    refuse_tables: Sequence[str] = ()
    flush_not_found_every: int = 0
    flush_unavailable_every: int = 0
    create_exhausted_every: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.refuse_tables, str):
            raise TypeError(f"refuse_tables is a list of names: {self.refuse_tables!r}")
        if self.refuse_tables and not self.refuse_rows_with:
            raise TypeError("refuse_tables says where, refuse_rows_with is missing")

    @classmethod
    def read(cls, path: Path) -> Faults:
        """Returns what the file asks for: nothing when it is absent. Raises on a wrong one."""
        try:
            text = path.read_text()
        except FileNotFoundError:
            return cls()
        return cls(**json.loads(text))

    def refusal(self, count: int) -> str | None:
        """Returns the status with which the `count`-th append is refused; None when it is not."""
        if self.unavailable:
            return "UNAVAILABLE"
        if due(count, self.append_not_found_every):
            return "NOT_FOUND"
        if due(count, self.append_exhausted_every):
            return "RESOURCE_EXHAUSTED"
        if due(count, self.append_deadline_every):
            return "DEADLINE_EXCEEDED"
        return None

    def flush_refusal(self, count: int) -> str | None:
        """Returns the status with which the `count`-th flush is refused; None when it is not."""
        if due(count, self.flush_not_found_every):
            return "NOT_FOUND"
        if due(count, self.flush_unavailable_every):
            return "UNAVAILABLE"
        return None

    def refused_rows(self, table: str, rows: Any) -> list[RowError]:
        """Returns an error for each row of an append to `table` that is refused.

        Args:
            table: the name of the table alone.
            rows: an Arrow table.
        """
        if not self.refuse_rows_with or (self.refuse_tables and table not in self.refuse_tables):
            return []
        import pyarrow.compute

        hit = [False] * rows.num_rows
        for values in rows.columns:
            if pyarrow.types.is_string(values.type):
                found = pyarrow.compute.match_substring(values, self.refuse_rows_with)
                hit = [was or bool(now) for was, now in zip(hit, found.to_pylist(), strict=True)]
        message = f"fault: holds {self.refuse_rows_with!r}"
        return [RowError(index, message) for index, refused in enumerate(hit) if refused]


def due(count: int, every: int) -> bool:
    """Tells whether the `count`-th call is one to spoil."""
    return every > 0 and count % every == 0


def apply(path: Path) -> None:
    """Hooks the faults in. Call it last: it wraps what the patches have put in place."""
    from bqemulator.grpc_api import write_servicer

    handler = write_servicer.BigQueryWriteHandler
    _spoil_connections(handler, path)
    _spoil_appends(handler, path)
    _spoil_flushes(handler, path)
    _spoil_creates(handler, path)
    for name in ("create_write_stream", "get_write_stream", "finalize_write_stream", "flush_rows"):
        _make_unavailable(handler, f"_handle_{name}", path)


def _spoil_connections(handler: Any, path: Path) -> None:
    serve = handler._handle_append_rows
    asked = itertools.count(1)

    def serve_or_refuse(self: Any, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        # A refusal ends the connection, and with it whatever was sent after the refused append.
        yield from serve(self, _until_refused(requests, asked, path, context), context)

    handler._handle_append_rows = serve_or_refuse


def _until_refused(
    requests: Iterator[bytes], counter: Iterator[int], path: Path, context: Any
) -> Iterator[bytes]:
    for request in requests:
        count = next(counter)
        faults = Faults.read(path)
        status = faults.refusal(count)
        if status is not None:
            print(f"fault: append {count} answered {status}", flush=True)
            _refuse(context, status)
            return
        if due(count, faults.append_hangs_every):
            print(f"fault: append {count} is not answered", flush=True)
            for _ in requests:
                pass  # nor is what is sent after it; this ends, or raises, when the client gives up
            # It sends no more, and waits.
            remaining = context.time_remaining()
            time.sleep(_HANGS_SEC if remaining is None else max(0.0, remaining))
            return
        yield request


def _spoil_appends(handler: Any, path: Path) -> None:
    perform = handler._perform_append
    offered, applied = itertools.count(1), itertools.count(1)

    def perform_or_refuse(
        self: Any, stream: Any, rows: Any, offset: int | None, *arguments: Any, **options: Any
    ) -> bytes:
        faults = Faults.read(path)
        time.sleep(faults.append_delay_ms / 1_000)
        count = next(offered)
        if due(count, faults.append_offset_taken_every):
            print(f"fault: append {count} answered ALREADY_EXISTS", flush=True)
            received = stream.next_offset if offset is None else offset
            return append_answers.offset_taken(
                stream.name, max(stream.next_offset, received + rows.num_rows), received
            )
        if refused := faults.refused_rows(stream.table_id, rows):
            print(f"fault: append {count} refused for {len(refused)} rows", flush=True)
            return append_answers.rows_refused(stream.name, refused)
        answer = bytes(perform(self, stream, rows, offset, *arguments, **options))
        count = next(applied)
        if due(count, faults.drop_after_append_every):
            print(f"fault: append {count} applied, connection dropped", flush=True)
            raise ConnectionResetError("fault: applied, not answered")
        return answer

    handler._perform_append = perform_or_refuse


def _spoil_flushes(handler: Any, path: Path) -> None:
    flush = handler._handle_flush_rows
    asked, applied = itertools.count(1), itertools.count(1)

    def flush_or_refuse(self: Any, request_bytes: bytes, context: Any) -> bytes:
        faults = Faults.read(path)
        time.sleep(faults.flush_delay_ms / 1_000)
        count = next(asked)
        status = faults.flush_refusal(count)
        if status is not None:
            print(f"fault: flush {count} answered {status}", flush=True)
            return _refuse(context, status)
        answer = bytes(flush(self, request_bytes, context))
        count = next(applied)
        if due(count, faults.drop_after_flush_every):
            print(f"fault: flush {count} applied, answer lost", flush=True)
            return _refuse(context, "UNAVAILABLE")
        return answer

    handler._handle_flush_rows = flush_or_refuse


def _spoil_creates(handler: Any, path: Path) -> None:
    create = handler._handle_create_write_stream
    asked = itertools.count(1)

    def create_or_refuse(self: Any, request_bytes: bytes, context: Any) -> bytes:
        count = next(asked)
        if due(count, Faults.read(path).create_exhausted_every):
            print(f"fault: stream {count} answered RESOURCE_EXHAUSTED", flush=True)
            return _refuse(context, "RESOURCE_EXHAUSTED")
        return bytes(create(self, request_bytes, context))

    handler._handle_create_write_stream = create_or_refuse


def _make_unavailable(handler: Any, method: str, path: Path) -> None:
    call = getattr(handler, method)

    def call_or_refuse(self: Any, request_bytes: bytes, context: Any) -> bytes:
        if Faults.read(path).unavailable:
            return _refuse(context, "UNAVAILABLE")
        return bytes(call(self, request_bytes, context))

    setattr(handler, method, call_or_refuse)


def _refuse(context: Any, status: str) -> bytes:
    import grpc

    context.set_code(grpc.StatusCode[status])
    context.set_details("fault: asked for by faults.json")
    return b""

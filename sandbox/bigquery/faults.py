"""Faults on demand: what BigQuery's write API does on a bad day. Off unless a file asks for them.

Write the sandbox's faults.json, and it holds from the next request on; delete it, and it is over:

    {"drop_after_append_every": 10}   the 10th, 20th … append is applied, its connection broken
    {"drop_after_flush_every": 2}     every second flush is applied and answered UNAVAILABLE
    {"unavailable": true}             every call is answered UNAVAILABLE and not applied
    {"append_delay_ms": 2000}         every append takes two seconds longer
    {"flush_delay_ms": 5000}          every flush waits five seconds, then is applied, wanted or not
    {"append_not_found_every": 5}     every fifth append is told that its stream does not exist
    {"append_exhausted_every": 5}     every fifth append is told that a quota is used up

Exactly once means that none of them can be seen in the table. What this does not do, because
BigQuery does not either, is to forget a stream that holds rows: Beam's sink takes a flush that is
answered NOT_FOUND for done, and the rows would be lost (durable_streams.py).
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


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
        return None


def due(count: int, every: int) -> bool:
    """Tells whether the `count`-th call is one to spoil."""
    return every > 0 and count % every == 0


def apply(path: Path) -> None:
    """Hooks the faults in. Call it last: it wraps what the mends have put in place."""
    from bqemulator.grpc_api import write_servicer

    handler = write_servicer.BigQueryWriteHandler
    _spoil_appends(handler, path)
    _spoil_flushes(handler, path)
    for name in ("create_write_stream", "get_write_stream", "finalize_write_stream", "flush_rows"):
        _make_unavailable(handler, f"_handle_{name}", path)


def _spoil_appends(handler: Any, path: Path) -> None:
    serve, perform = handler._handle_append_rows, handler._perform_append
    asked, applied = itertools.count(1), itertools.count(1)

    def serve_or_refuse(self: Any, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        # A refusal ends the connection, and with it whatever was sent after the refused append.
        yield from serve(self, _until_refused(requests, asked, path, context), context)

    def perform_then_drop(self: Any, *arguments: Any) -> bytes:
        faults = Faults.read(path)
        time.sleep(faults.append_delay_ms / 1_000)
        answer = perform(self, *arguments)
        count = next(applied)
        if due(count, faults.drop_after_append_every):
            print(f"fault: append {count} applied, connection dropped", flush=True)
            raise ConnectionResetError("fault: applied, not answered")
        return bytes(answer)

    handler._handle_append_rows = serve_or_refuse
    handler._perform_append = perform_then_drop


def _until_refused(
    requests: Iterator[bytes], counter: Iterator[int], path: Path, context: Any
) -> Iterator[bytes]:
    for request in requests:
        count = next(counter)
        status = Faults.read(path).refusal(count)
        if status is not None:
            print(f"fault: append {count} answered {status}", flush=True)
            _refuse(context, status)
            return
        yield request


def _spoil_flushes(handler: Any, path: Path) -> None:
    flush = handler._handle_flush_rows
    flushes = itertools.count(1)

    def flush_then_drop(self: Any, request_bytes: bytes, context: Any) -> bytes:
        faults = Faults.read(path)
        time.sleep(faults.flush_delay_ms / 1_000)
        answer = flush(self, request_bytes, context)
        count = next(flushes)
        if due(count, faults.drop_after_flush_every):
            print(f"fault: flush {count} applied, answer lost", flush=True)
            return _refuse(context, "UNAVAILABLE")
        return bytes(answer)

    handler._handle_flush_rows = flush_then_drop


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

"""Faults on demand: BigQuery did it, and the answer was lost. Off unless a file asks for them.

Write the sandbox's faults.json, and it holds from the next request on; delete it, and it is over:

    {"drop_after_append_every": 10}   the 10th, 20th … append is applied, its connection broken
    {"drop_after_flush_every": 2}     every second flush is applied and answered UNAVAILABLE

Exactly once means that neither can be seen in the table.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

KEYS = ("drop_after_append_every", "drop_after_flush_every")


@dataclasses.dataclass(frozen=True)
class Faults:
    """How often to lose an answer; 0 is never."""

    drop_after_append_every: int = 0
    drop_after_flush_every: int = 0

    @classmethod
    def read(cls, path: Path) -> Faults:
        """Returns what the file asks for: nothing when it is absent. Raises on a wrong one."""
        try:
            text = path.read_text()
        except FileNotFoundError:
            return cls()
        return cls(**json.loads(text))


def due(count: int, every: int) -> bool:
    """Tells whether the `count`-th answer is one to lose."""
    return every > 0 and count % every == 0


def apply(path: Path) -> None:
    """Hooks the faults in. Call it last: it wraps what the mends have put in place."""
    from bqemulator.grpc_api import write_servicer

    handler = write_servicer.BigQueryWriteHandler
    append, flush = handler._perform_append, handler._handle_flush_rows
    appends, flushes = itertools.count(1), itertools.count(1)

    def append_then_drop(self: Any, *arguments: Any) -> bytes:
        answer = append(self, *arguments)
        count, every = next(appends), Faults.read(path).drop_after_append_every
        if due(count, every):
            print(f"fault: append {count} applied, connection dropped", flush=True)
            raise ConnectionResetError("fault: applied, not answered")
        return bytes(answer)

    def flush_then_drop(self: Any, request_bytes: bytes, context: Any) -> bytes:
        import grpc

        answer = flush(self, request_bytes, context)
        count, every = next(flushes), Faults.read(path).drop_after_flush_every
        if due(count, every):
            print(f"fault: flush {count} applied, answer lost", flush=True)
            context.set_code(grpc.StatusCode.UNAVAILABLE)
            context.set_details("fault: applied, not answered")
            return b""
        return bytes(answer)

    handler._perform_append = append_then_drop
    handler._handle_flush_rows = flush_then_drop

"""An AppendRows message without a stream name belongs to the stream of its connection.

BigQuery's clients name the stream in the first message of a connection only. bqemulator looks up
the empty name, finds nothing, and breaks the connection at the second message.
"""

from __future__ import annotations

from typing import Any


def apply() -> None:
    """Keeps a connection bound to its stream until another is named."""
    from bqemulator.grpc_api import write_servicer

    original = write_servicer.BigQueryWriteHandler._ensure_stream_bound

    def ensure_stream_bound(handler: Any, name: str, bound: Any, context: Any) -> Any:
        if bound is not None and not name:
            return bound
        return original(handler, name, bound, context)

    write_servicer.BigQueryWriteHandler._ensure_stream_bound = ensure_stream_bound

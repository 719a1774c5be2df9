"""The control of the lost answers: the pipeline with a sink that appends without offsets."""

from typing import Any

from pipeline import main
from transforms.bigquery.append_connection import AppendConnection
from transforms.bigquery.write_client import WriteClient

_send = AppendConnection._send


def _default_stream(client: WriteClient, table: str) -> str:
    # Every table has one. It shows rows at once, and nothing in it tells a repeated row.
    sink = client._sink
    return f"projects/{sink.project}/datasets/{sink.dataset}/tables/{table}/streams/_default"


def _send_anywhere(connection: AppendConnection, offset: int | None, part: Any) -> None:
    _send(connection, None, part)  # type: ignore[arg-type]


WriteClient.create_stream = _default_stream  # type: ignore[method-assign, assignment]
WriteClient.flush = lambda client, stream, end: None  # type: ignore[method-assign, assignment]
AppendConnection._send = _send_anywhere  # type: ignore[method-assign, assignment]
AppendConnection._check_place = lambda connection, taken_at, offset: None  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    main.end(main.main())

"""Runs BigQuery's stand-in. Started by the sandbox: python -m sandbox.bigquery --help."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sandbox.bigquery import (
    append_rows,
    connections,
    durable_streams,
    faults,
    flat_rows,
    flush_rows,
    later_columns,
    secure_grpc,
    stream_binding,
    view_queries,
    wire_values,
)
from sandbox.bigquery.single_port import HOST, SinglePort, Upstreams
from sandbox.layout import DUCKDB_HOME

_GRPC_MESSAGE_BYTES_MAX = 100 << 20

# In this order: the later ones build on the earlier ones.
_MENDS: dict[str, Callable[[], None]] = {
    "connections": connections.apply,
    "durable_streams": durable_streams.apply,
    "append_rows": append_rows.apply,
    "flat_rows": flat_rows.apply,
    "flush_rows": flush_rows.apply,
    "later_columns": later_columns.apply,
    "stream_binding": stream_binding.apply,
    "view_queries": view_queries.apply,
    "wire_values": wire_values.apply,
}


def main() -> None:
    """Serves until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="for REST and gRPC together")
    parser.add_argument("--data", type=Path, required=True, help="a folder that is kept")
    parser.add_argument("--certificates", type=Path, required=True, help="server.key, server.pem")
    parser.add_argument("--project", required=True)
    parser.add_argument("--faults", type=Path, required=True, help="see faults.py")
    parser.add_argument(
        "--without",
        action="append",
        choices=_MENDS,
        default=[],
        help="leave a patch out: the control that shows what it is for",
    )
    # DuckDB looks for its extensions under HOME: this is where `make setup` has put them.
    os.environ["HOME"] = str(DUCKDB_HOME)
    asyncio.run(_serve(parser.parse_args()))
    # Everything is written. The interpreter would wait for the threads of calls that are never
    # answered (faults.py).
    os._exit(0)


async def _serve(arguments: argparse.Namespace) -> None:
    from bqemulator.config import Settings
    from bqemulator.server import EmulatorServer

    for name, apply in _MENDS.items():
        if name not in arguments.without:
            apply()
    tls_port = secure_grpc.apply(arguments.certificates)
    faults.apply(arguments.faults)
    settings = Settings(
        rest_host=HOST,
        rest_port=0,  # both only reached through the shared port
        grpc_host=HOST,
        grpc_port=0,
        persistence_mode="persistent",
        data_dir=arguments.data,
        # More than append_rows lets pass, or gRPC would refuse a request with another status.
        write_api_max_request_bytes=_GRPC_MESSAGE_BYTES_MAX,
        default_project_id=arguments.project,
        enable_format_extensions=False,  # Avro files: the emulator would look online for seconds
        log_level="warning",
        log_format="console",
    )
    server = EmulatorServer(settings)
    await server.start()
    upstreams = Upstreams(rest=server.rest_port, tls=tls_port(), grpc=server.grpc_port)
    SinglePort(arguments.port, upstreams).start()
    print(f"serving REST and gRPC on {HOST}:{arguments.port}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.stop()
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""gRPC with TLS, and with a thread for every open stream.

The Java client of the Storage Write API always speaks TLS; bqemulator never does. And its
handlers run on a pool of about six threads, of which each open AppendRows connection holds one:
with the seventh stream everything stops, FlushRows included. All other calls run on its one event
loop, which stands still meanwhile: REST and every append wait for each flush.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.bigquery.single_port import HOST

# A job at parallelism 8 with 4 streams holds 32. But the Java worker keeps those of a job that was
# restarted, for minutes: ten to fifteen more at each kill of its TaskManagers. With 256 the crash
# suite stood still in its fifth seed, every call waiting for a thread.
THREADS_MAX = 4_096


class _Threads(concurrent.futures.ThreadPoolExecutor):
    """Says so when all threads are taken: to who asks then, we seem to hang."""

    def submit(self, *arguments: Any, **more: Any) -> Any:
        future = super().submit(*arguments, **more)
        waiting = self._work_queue.qsize()
        if waiting and len(self._threads) >= self._max_workers:
            print(f"all {self._max_workers} threads hold streams, {waiting} calls wait", flush=True)
        return future


def credentials(certificates: Path) -> Any:
    """Returns what a gRPC server shows its clients: the key and certificates of the sandbox."""
    import grpc

    key, chain = (certificates / name for name in ("server.key", "server.pem"))
    return grpc.ssl_server_credentials([(key.read_bytes(), chain.read_bytes())])


def apply(certificates: Path) -> Callable[[], int]:
    """Adds a TLS listener to the emulator's gRPC server, and widens its pool.

    Returns what tells the listener's port once the server is up: the system chooses it, and the
    shared port hands connections on.
    """
    import grpc
    from bqemulator import server
    from bqemulator.grpc_api import write_servicer

    threads = _Threads(THREADS_MAX, thread_name_prefix="grpc")
    make_server = grpc.aio.server
    build = server.build_grpc_server
    ports: list[int] = []

    def make_wide_server(*arguments: Any, **options: Any) -> Any:
        return make_server(threads, *arguments, **options)

    def build_with_tls(context: Any) -> Any:
        built, plain_port = build(context)
        ports.append(built.add_secure_port(f"{HOST}:0", credentials(certificates)))
        return built, plain_port

    handler = write_servicer.BigQueryWriteHandler
    handler.service = _serving_calls_in(threads, handler.service)
    grpc.aio.server = make_wide_server
    server.build_grpc_server = build_with_tls
    return lambda: ports[-1]


def _serving_calls_in(threads: _Threads, service: Any) -> Any:
    """Returns a `service` whose calls of one request and one answer run in the pool too."""
    import grpc

    def service_in_threads(handler: Any, details: Any) -> Any:
        found = service(handler, details)
        if found is None or found.unary_unary is None:
            return found

        async def in_thread(request: bytes, context: Any) -> Any:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, found.unary_unary, request, context)

        return grpc.unary_unary_rpc_method_handler(in_thread)

    return service_in_threads

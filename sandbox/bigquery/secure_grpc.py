"""gRPC with TLS, and with a thread for every open stream.

The Java client of the Storage Write API always speaks TLS; bqemulator never does. And its
handlers run on a pool of about six threads, of which each open AppendRows connection holds one:
with the seventh stream everything stops, FlushRows included.
"""

from __future__ import annotations

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

    grpc.aio.server = make_wide_server
    server.build_grpc_server = build_with_tls
    return lambda: ports[-1]

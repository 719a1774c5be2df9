"""Serves the metrics by HTTP: /metrics, and /healthz for a probe of Kubernetes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import ThreadingWSGIServer, make_wsgi_app
from prometheus_client.registry import Collector

from operations.errors import CannotCheck
from transforms import addresses

_PLAIN = [("Content-Type", "text/plain; charset=utf-8")]
# Nobody who keeps a connection open and says nothing may hold a thread for ever.
_REQUEST_SEC = 10.0


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_SEC

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a line for each scrape tells nobody anything."""


class _ServerOfIPv6(ThreadingWSGIServer):
    address_family = socket.AF_INET6


def serve(listen: str, collector: Collector) -> WSGIServer:
    """Returns a server that answers, in a thread of its own, until its `shutdown`.

    Args:
        listen: host:port.

    Raises:
        CannotCheck: it cannot be listened there.
    """
    host, port = addresses.host_and_port(listen)
    registry = CollectorRegistry()
    registry.register(collector)
    kind = _ServerOfIPv6 if ":" in host else ThreadingWSGIServer
    try:
        server = make_server(host, port, _app(registry), kind, _Handler)
    except OSError as error:
        raise CannotCheck(
            f"cannot listen on {listen}: {error.strerror or error}. Hint: --listen=HOST:PORT with "
            "a port that is free, and an address of this machine"
        ) from None
    threading.Thread(target=server.serve_forever, name="serve", daemon=True).start()
    return server


def _app(registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)  # type: ignore[no-any-return]
        if path in ("/", "/healthz"):
            start_response("200 OK", _PLAIN)
            return [b"payments exporter: /metrics\n"]
        start_response("404 Not Found", _PLAIN)
        return [b"there is only /metrics\n"]

    return app

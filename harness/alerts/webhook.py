"""A receiver of Alertmanager's webhooks, which remembers what was told and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from templates.flink.loopback import HOST


class Told(NamedTuple):
    """One alert in one message."""

    at: float  # time.monotonic()
    receiver: str
    name: str
    severity: str
    firing: bool
    labels: tuple[tuple[str, str], ...]


class Webhook:
    """Listens on loopback from `start` to `stop`."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._lock = threading.Lock()
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Takes one message."""
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                webhook.take(self.path.strip("/"), json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)

    def start(self) -> None:
        """Begins to listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def urls(self, receivers: Iterable[str]) -> dict[str, str]:
        """Returns the address of each receiver here."""
        port = self._server.server_address[1]
        return {name: f"http://{HOST}:{port}/{name}" for name in receivers}

    def take(self, receiver: str, message: dict[str, object]) -> None:
        """Remembers the alerts of a message."""
        alerts = message["alerts"]
        assert isinstance(alerts, list)
        with self._lock:
            for alert in alerts:
                labels = alert["labels"]
                self._told.append(
                    Told(
                        time.monotonic(),
                        receiver,
                        labels["alertname"],
                        labels.get("severity", ""),
                        alert["status"] == "firing",
                        tuple(sorted(labels.items())),
                    )
                )

    def since(self, moment: float) -> list[Told]:
        """Returns what was told since then."""
        with self._lock:
            return [told for told in self._told if told.at >= moment]

    def firing(self) -> set[str]:
        """Returns the alerts that were told and are not over."""
        newest: dict[tuple[tuple[str, str], ...], Told] = {}
        for told in self.since(0):
            newest[told.labels] = told
        return {told.name for told in newest.values() if told.firing}

"""A small registry for unit tests: it answers what a test says."""

from __future__ import annotations

import http.server
import json
import threading
import time
from typing import Any

from tests.support.contract_records import CONTRACTS

AVSC = (CONTRACTS / "schemas/debezium-avro/1.avsc").read_text()
NOT_FOUND = (404, {"error_code": 40403, "message": "Schema not found"})


class Registry:
    """Answers by path, and notes what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/schemas/ids/1": (200, {"schema": AVSC})}
        self.waits_sec = 0.0
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("Authorization")))
                time.sleep(outer.waits_sec)
                status, body = outer.answers.get(self.path, NOT_FOUND)
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

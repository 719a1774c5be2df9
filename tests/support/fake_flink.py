"""Flink's REST interface as a table of answers; a test may change it while it is asked."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

# What a worker's error looks like once Java has carried it.
STACK = """java.lang.Exception: Failed to finish remote bundle
\tat org.apache.beam.runners.flink.translation.wrappers.streaming.ExecutableStageDoFnOperator
Caused by: java.lang.RuntimeException: Error received from SDK harness for instruction 12: \
Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1498, in process
transforms.codecs.CannotDecode: not JSON

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "apache_beam/runners/worker/sdk_worker.py", line 312, in _execute
transforms.codecs.CannotDecode: not JSON [while running 'DecodeTransaction/Decode-ptransform-7']

\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient.java:180
\t... 7 more
"""


def now_ms(seconds_ago: float = 0) -> int:
    return round((time.time() - seconds_ago) * 1_000)


def job(
    number: str = "a1",
    state: str = "RUNNING",
    name: str = "payments-run",
    age_sec: float = 600,
    ended_sec_ago: float | None = None,
) -> dict[str, Any]:
    return {
        "jid": number,
        "name": name,
        "state": state,
        "start-time": now_ms(age_sec),
        "end-time": -1 if ended_sec_ago is None else now_ms(ended_sec_ago),
    }


def failure(seconds_ago: float = 5, stack: str = STACK) -> dict[str, Any]:
    return {"timestamp": now_ms(seconds_ago), "stacktrace": stack, "exceptionName": "x"}


class FakeFlink:
    """What Flink says, by method and path.

    Attributes:
        asked: what it was asked to do.
        refuses: the status and the errors with which it answers everything, if any.
        body: what it answers then instead of a document.
    """

    def __init__(self) -> None:
        self.refuses: tuple[int, list[str]] | None = None
        self.body: bytes | None = None
        self.jobs: dict[str, dict[str, Any]] = {}
        self.content: dict[str, Any] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.address = ""

    def put(
        self,
        described: dict[str, Any],
        failures: list[dict[str, Any]] | None = None,
        checkpoint_sec_ago: float | None = 3,
        watermark_ms: int | None = None,
        running: int = 4,
        restored: int = 0,
        restarts: int | None = None,
        figures_sec_ago: float = 5,
    ) -> None:
        """Adds a job."""
        number = described["jid"]
        self.jobs[number] = described
        path = f"/jobs/{number}"
        completed = None
        if checkpoint_sec_ago is not None:
            triggered = now_ms(checkpoint_sec_ago)
            completed = {"trigger_timestamp": triggered, "state_size": 1_000, "id": 7}
        self.content[f"{path}/checkpoints"] = {
            "counts": {"restored": restored, "completed": 9, "in_progress": 0},
            "latest": {"completed": completed},
        }
        self.content[f"{path}/exceptions"] = {"exceptionHistory": {"entries": failures or []}}
        self.content[f"{path}/vertices/v/watermarks"] = [
            {"id": "0", "value": str(now_ms(7) if watermark_ms is None else watermark_ms)},
            {"id": "1", "value": str(2**63 - 1)},
        ]
        counted = [] if restarts is None else [{"id": "numRestarts", "value": str(restarts)}]
        self.content[f"{path}/metrics?get=numRestarts"] = counted
        running_ms = described["start-time"] + 1_000
        uptime_ms = now_ms(figures_sec_ago) - running_ms
        self.content[f"{path}/metrics?get=uptime"] = [{"id": "uptime", "value": str(uptime_ms)}]
        described["timestamps"] = {"RUNNING": running_ms}
        described["now"] = now_ms()
        described["status-counts"] = {"RUNNING": running, "INITIALIZING": 4 - running}
        described["vertices"] = [{"id": "v", "name": "[2]Read"}]

    def end(self, number: str, state: str) -> None:
        """Ends a job."""
        self.jobs[number] |= {"state": state, "end-time": now_ms()}

    def answer(self, path: str) -> Any:
        if path == "/jobs/overview":
            return {"jobs": list(self.jobs.values())}
        number = path.removeprefix("/jobs/")
        return self.jobs.get(number, self.content.get(path))

    def asked_to(self, method: str, path: str, body: Any) -> Any:
        """Does what a PATCH or POST asks for."""
        self.asked.append((method, path, body))
        number = path.split("/")[2].partition("?")[0]
        if number not in self.jobs:
            return None
        if method == "PATCH":
            self.end(number, "CANCELED")
            return {}
        if body.get("cancel-job"):
            self.end(number, "CANCELED")
        self.content[f"/jobs/{number}/savepoints/r1"] = {
            "status": {"id": "COMPLETED"},
            "operation": {"location": "file:/savepoints/s-1"},
        }
        return {"request-id": "r1"}


@contextlib.contextmanager
def fake_flink() -> Iterator[FakeFlink]:
    """Yields a Flink that answers at its `address` for the length of a with-block."""
    flink = FakeFlink()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(flink.answer(self.path))

        def do_PATCH(self) -> None:
            self._send(flink.asked_to("PATCH", self.path, None))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(flink.asked_to("POST", self.path, body))

        def _send(self, answer: Any) -> None:
            status = 404 if answer is None else 200
            if flink.refuses:
                status, errors = flink.refuses
                answer = {"errors": errors}
            body = flink.body or json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    flink.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield flink
    finally:
        server.shutdown()
        server.server_close()

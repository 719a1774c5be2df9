"""Stand-ins of Dataflow's and Cloud Storage's APIs, as far as Beam asks them at a launch.

They take what they are given and keep it; nothing is run.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "payments-prod"
REGION = "europe-west1"
BUCKET = "payments-staging"
TOKEN = "a-token-that-nobody-should-keep"
RUNNING_JOB = "2026-11-23_00_00_00-1234567890123456789"

_JOBS = f"/v1b3/projects/{PROJECT}/locations/{REGION}/jobs"


class GoogleCloud:
    """What has been submitted and staged, and which job runs already.

    Attributes:
        jobs: bodies of the requests to create a job.
        objects: staged files, by their name in the bucket.
        running: name of a job that runs already, for an update.
    """

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.running: str | None = None
        self.address = ""

    def write_credentials(self, file: Path) -> None:
        """Writes a service account whose tokens are asked for here."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": f"launcher@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.address}/token",
        }
        file.write_text(json.dumps(account))

    def staged(self, url: str) -> bytes:
        """Returns what lies at a gs:// address."""
        return self.objects[url.removeprefix(f"gs://{BUCKET}/")]


@contextlib.contextmanager
def serving() -> Iterator[GoogleCloud]:
    """Serves both APIs on loopback for the length of a with-block."""
    cloud = GoogleCloud()
    server = _Server(cloud)
    cloud.address = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self, cloud: GoogleCloud) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cloud = cloud


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment per answer: a second one would wait 40 ms for its turn

    @property
    def cloud(self) -> GoogleCloud:
        return self.server.cloud

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path == _JOBS:
            self._answer(200, {"jobs": _running(self.cloud)})
        elif path.startswith(f"{_JOBS}/"):
            state = {"currentState": "JOB_STATE_RUNNING"}
            self._answer(200, {"id": path.rpartition("/")[2], **state})
        elif re.fullmatch(f"/storage/v1/b/{BUCKET}", path):
            self._answer(200, {"name": BUCKET, "id": BUCKET, "location": "EU"})
        else:
            self._answer(404, {"error": {"code": 404, "message": f"{path} is not here"}})

    def do_POST(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        body = self._body()
        if url.path == "/token":
            token = {"access_token": TOKEN, "expires_in": 3600}
            self._answer(200, {**token, "token_type": "Bearer"})
            return
        if url.path == _JOBS:
            job = json.loads(body)
            self.cloud.jobs.append(job)
            self._answer(200, {**job, "id": f"new-{len(self.cloud.jobs)}"})
        elif url.path == f"/upload/storage/v1/b/{BUCKET}/o":
            name = urllib.parse.parse_qs(url.query).get("name") or [json.loads(body)["name"]]
            place = f"{self.cloud.address}/upload/{urllib.parse.quote(name[0], safe='')}"
            self._answer(200, {}, {"Location": place})
        else:
            self._answer(404, {"error": {"code": 404, "message": f"{url.path} is not here"}})

    def do_PUT(self) -> None:
        name = urllib.parse.unquote(self.path.removeprefix("/upload/"))
        self.cloud.objects[name] = self.cloud.objects.get(name, b"") + self._body()
        written = len(self.cloud.objects[name])
        total = self.headers["Content-Range"].rpartition("/")[2]
        if total == "*":
            self._answer(308, {}, {"Range": f"bytes=0-{written - 1}"})
        else:
            self._answer(200, {"name": name, "bucket": BUCKET, "size": str(written)})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(
        self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _running(cloud: GoogleCloud) -> list[dict[str, str]]:
    if cloud.running is None:
        return []
    return [{"id": RUNNING_JOB, "name": cloud.running, "currentState": "JOB_STATE_RUNNING"}]

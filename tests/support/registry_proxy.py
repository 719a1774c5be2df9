"""TLS and logins in front of a schema registry, as companies have them: each is really checked."""

from __future__ import annotations

import base64
import contextlib
import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
import trustme

USER_INFO = "job:s3cret-Zebra"
TOKEN = "t0ken-Giraffe"
_LOGINS = {
    "basic": "Basic " + base64.b64encode(USER_INFO.encode()).decode(),
    "bearer": f"Bearer {TOKEN}",
    "none": None,
}


class Files(NamedTuple):
    """Certificates in a folder: an authority's, and a client's of it and of another."""

    authority: Path
    client: Path
    stranger: Path


class Proxy(NamedTuple):
    """A registry behind it.

    Attributes:
        url: what a contract says.
        files: what a client needs.
        asked: status and path of each question that came through TLS.
    """

    url: str
    files: Files
    asked: list[tuple[int, str]]

    def login(
        self,
        basic: str | None = None,
        bearer: str | None = None,
        certificate: Path | None = None,
        trusts: bool = True,
    ) -> Path:
        """Writes a file of credentials and returns its path."""
        settings = {
            "ssl.ca.location": self.files.authority if trusts else None,
            "basic.auth.user.info": basic,
            "bearer.auth.token": bearer,
            "ssl.certificate.location": certificate,
        }
        path = self.files.authority.with_name("sr.properties")
        lines = [f"{name}={value}\n" for name, value in settings.items() if value is not None]
        path.write_text("".join(lines), "utf-8")
        return path


@contextlib.contextmanager
def in_front_of(registry: str, folder: Path, login: str, mutual: bool = False) -> Iterator[Proxy]:
    """Gives a registry behind TLS.

    Args:
        registry: the URL of the one behind.
        folder: takes certificates.
        login: basic, bearer or none.
        mutual: whether clients must show a certificate.
    """
    authority, stranger = trustme.CA(), trustme.CA()
    files = Files(folder / "ca.pem", folder / "client.pem", folder / "stranger.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    for path, ca in ((files.client, authority), (files.stranger, stranger)):
        ca.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
    asked: list[tuple[int, str]] = []
    server = _Server(("127.0.0.1", 0), _handler(registry, _LOGINS[login], asked))
    server.context = context
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Proxy(f"https://127.0.0.1:{server.server_port}", files, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(http.server.ThreadingHTTPServer):
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the thread of the request: a handshake that hangs holds up no other.
        try:
            secure = self.context.wrap_socket(request, server_side=True)
        except OSError:  # who has no certificate is sent away here
            return
        with secure:
            super().finish_request(secure, client_address)


def _handler(registry: str, login: str | None, asked: list[tuple[int, str]]) -> Any:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if login is not None and self.headers.get("Authorization") != login:
                self._answer(401, b'{"error_code": 401, "message": "Unauthorized"}')
                return
            size = int(self.headers.get("Content-Length") or 0)
            kinds = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            answer = requests.request(
                self.command,
                registry + self.path,
                data=self.rfile.read(size) or None,
                headers=kinds,
                timeout=30,
            )
            self._answer(answer.status_code, answer.content)

        do_POST = do_GET

        def _answer(self, status: int, body: bytes) -> None:
            asked.append((status, self.path))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler

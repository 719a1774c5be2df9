"""Refuses whoever should not ask, and tells browsers what a page of ours may load.

A page on this machine is reached by every other page that its reader has open, and by every other
user of the machine. So: names of this machine alone (a foreign name may be bound to 127.0.0.1),
changes from our own pages alone, and a token that was printed where the command was started.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger(__name__)
HOSTS = ("127.0.0.1", "localhost")
BODY_BYTES_MAX = 262_144
_READS = frozenset({"GET", "HEAD"})
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class SafeHeaders:
    """Adds the headers to every answer, those of refusals as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, and adds them."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class OwnPagesOnly:
    """Refuses changes that another site's page asks for.

    The rule of Go's http.CrossOriginProtection: browsers say where a request is from, by
    Sec-Fetch-Site, or by Origin where they do not know that header.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what is ours, and what changes nothing."""
        if scope["type"] == "http" and scope["method"] not in _READS:
            request = Request(scope)
            if not _is_own(request.headers):
                response = _refused(request, "a page of another site asked for it", 403)
                await response(scope, receive, send)
                return
            length = request.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
                response = _refused(request, "its body is too large, or of unknown size", 413)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_own(headers: Mapping[str, str]) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    # Neither: no browser asks, and no cookie of a browser can be with it.
    return origin is None or urlsplit(origin).netloc == headers.get("host")


class TokenOnly:
    """Lets in whoever has the token: in the address once, in a cookie from then on.

    Args:
        cookie: its name; browsers do not tell the cookies of two ports of a machine apart.
    """

    def __init__(self, app: ASGIApp, token: str, cookie: str) -> None:
        self._app = app
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on whoever has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if self._fits(request.query_params.get("token")) and scope["method"] in _READS:
            response: Response = RedirectResponse("/", 303)
            response.set_cookie(
                self._cookie, self._token, httponly=True, samesite="strict", path="/"
            )
            await response(scope, receive, send)
        elif self._fits(request.cookies.get(self._cookie)):
            await self._app(scope, receive, send)
        else:
            why = "open the address that was printed at the start: it holds a token"
            await _refused(request, why, 403)(scope, receive, send)

    def _fits(self, text: str | None) -> bool:
        return text is not None and hmac.compare_digest(text.encode(), self._token.encode())


def _refused(request: Request, why: str, code: int) -> Response:
    path = request.url.path[:80]
    _LOG.warning("refused %s %s: %s", request.method, ascii(path), why)
    return PlainTextResponse(f"refused: {why}\n", code)

"""The routes of the page: what is shown, what changes, and what may be done."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qs

import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from console import pages, runbook, send
from console.look_up import Answer, look_up
from console.page_parts import Parts
from console.security import HOSTS, OwnPagesOnly, SafeHeaders, TokenOnly
from operations.errors import OperatorError
from simulator.produce import Acknowledged

_STATIC = Path(__file__).with_name("static")
# A browser that gets more than four changes a second draws nothing else.
_PAUSE_SEC = 0.25
_PING_SEC = 15
_ASKED_CHARS_MAX = 1_000


class App:
    """The endpoints.

    Args:
        parts: what there is to show, and to do.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def page(self, request: Request) -> Response:
        """Answers the whole page, complete without any script."""
        answer = await self._answer(request) if request.query_params.get("q") else None
        return HTMLResponse(await run_in_threadpool(pages.whole, self._parts, answer))

    async def look_up(self, request: Request) -> Response:
        """Answers what became of a payment, for the page to show."""
        return HTMLResponse(pages.look_up(await self._answer(request)))

    async def events(self, request: Request) -> Response:
        """Answers all that is shown, and then what changes of it.

        It is state that is sent, not history: so one who comes back misses nothing.
        """
        return EventSourceResponse(self._changes(), ping=_PING_SEC)

    async def send(self, request: Request) -> Response:
        """Sends what a button says, and begins a card."""
        sender, cards = self._parts.sender, self._parts.cards
        if sender is None or cards is None:
            raise HTTPException(403, "this page only reads: it was started without --sandbox")
        form = await _form(request)
        speech = self._parts.places.speech
        kinds = send.kinds(speech)
        kind = kinds.get(form.get("kind", ""))
        if kind is None:
            raise HTTPException(400, f"kind must be one of {', '.join(kinds)}")
        given = form.get("id", "").strip() or cards.last_id
        transaction_id = given if kind.of_known and given else send.new_id()
        began = time.monotonic()
        wanted = send.wanted(form["kind"], transaction_id, speech)
        sent = await _asked(lambda: sender.send(wanted))
        if kind.remembered:
            cards.last_id = transaction_id
        card = cards.add(kind.label, _counted_as(sent) or transaction_id, sent, began)
        return _done(request, {"card": card.number, "id": cards.last_id})

    async def kill(self, request: Request) -> Response:
        """Kills a TaskManager."""
        killer = self._parts.killer
        if killer is None:
            raise HTTPException(403, "this page only reads: it was started without --sandbox")
        form = await _form(request)
        kill = await _asked(lambda: killer.kill(form.get("component", "")))
        return _done(request, {"killed": kill.component, "pid": kill.pid})

    async def prove(self, request: Request) -> Response:
        """Begins a comparison."""
        if self._parts.prover is None:
            raise HTTPException(403, "this page only reads. Hint: `payments reconcile` proves it")
        await _form(request)
        self._parts.prover.start()
        return _done(request, {"began": True})

    async def runbook(self, request: Request) -> Response:
        """Answers a page of the runbook, as text."""
        text = runbook.page(request.path_params["name"])
        if text is None:
            raise HTTPException(404, "the runbook has no such page")
        return PlainTextResponse(text)

    async def _answer(self, request: Request) -> Answer:
        asked = request.query_params.get("q", "")[:_ASKED_CHARS_MAX]
        return await run_in_threadpool(look_up, self._parts.places, asked)

    async def _changes(self) -> AsyncIterator[ServerSentEvent]:
        told: dict[str, str] = {}
        version, at, number = -1, 0.0, 0
        while True:
            now = self._parts.board.version
            if now != version:
                version = now
                for name, text in (await run_in_threadpool(pages.parts, self._parts)).items():
                    if told.get(name) != text:
                        told[name] = text
                        number += 1
                        data = orjson.dumps({"name": name, "html": text}).decode()
                        yield ServerSentEvent(data, event="part", id=str(number))
                points = [each for each in self._parts.board.points if each.at > at]
                if points:
                    at = points[-1].at
                    data = orjson.dumps(pages.series(points)).decode()
                    yield ServerSentEvent(data, event="points")
            await asyncio.sleep(_PAUSE_SEC)


async def _asked(work: Callable[[], pages.T]) -> pages.T:
    """Does what takes a while; what cannot be done is told in its own words."""
    try:
        return await run_in_threadpool(work)
    except OperatorError as error:
        raise HTTPException(409, str(error)) from None


def _counted_as(sent: Sequence[Acknowledged]) -> str | None:
    """Returns the id that the tables have: a contract may join ours with another field."""
    return next((each.send.facts.transaction_id for each in sent), None)


async def _form(request: Request) -> Mapping[str, str]:
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, max_num_fields=20).items()}


def _done(request: Request, document: Mapping[str, object]) -> Response:
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(dict(document))
    return Response(status_code=303, headers={"location": "/"})  # a form without any script


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    # Starlette raises it once more, and so it is logged with its stack.
    return PlainTextResponse("an error of this program; its log has the stack\n", 500)


def build(parts: Parts, token: str, cookie: str = "payments_live") -> Starlette:
    """Returns the application.

    Args:
        token: what whoever may look has.
        cookie: name of the cookie that holds it.
    """
    app = App(parts)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        parts.start()
        try:
            yield
        finally:
            parts.stop()

    return Starlette(
        routes=[
            Route("/", app.page),
            Route("/events", app.events),
            Route("/look-up", app.look_up),
            Route("/runbook/{name}", app.runbook),
            Route("/send", app.send, methods=["POST"]),
            Route("/kill", app.kill, methods=["POST"]),
            Route("/prove", app.prove, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        # The first is the outermost: who asks under a foreign name learns nothing else.
        middleware=[
            Middleware(SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False),
            Middleware(OwnPagesOnly),
            Middleware(TokenOnly, token=token, cookie=cookie),
        ],
        exception_handlers={HTTPException: _told, Exception: _failed},
        lifespan=lifespan,
    )

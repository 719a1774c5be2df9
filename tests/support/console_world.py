"""A live page without services: what it shows is given, what it sends is noted."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from console import app
from console.board import Board
from console.books import Books, Counted
from console.cards import Cards
from console.faults import Kill, Killer, Step
from console.page_parts import Parts
from console.places import Places
from console.proof import Prover
from operations.errors import CannotCheck
from operations.health.indicators import Indicator, Section
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import Place
from simulator import by_hand
from simulator.by_hand import Wanted
from simulator.produce import Acknowledged
from transforms.payment.outcome import Outcome

TOKEN = "a-token-of-the-tests"
COOKIE = "payments_live_test"
OWN = {"sec-fetch-site": "same-origin", "accept": "application/json"}
ARRIVED = dt.datetime(2026, 11, 30, 8, 15, tzinfo=dt.UTC)
READING = Places(Topics("broker:9092", ("payments",)), Dataset("my-project", "payments"))
ACTING = Places(
    Topics("127.0.0.1:9092", ("payments",)),
    Dataset("sandbox", "payments", "127.0.0.1:9050"),
    "127.0.0.1:8081",
    sandbox=Path("/nowhere"),
)


class NotedSender:
    """Acknowledges at once; `refuses` is what it raises instead."""

    def __init__(self, places: Places | None = None) -> None:
        self.places = places
        self.asked: list[Wanted] = []
        self.refuses: str | None = None

    def send(self, asked: Wanted) -> list[Acknowledged]:
        if self.refuses is not None:
            raise CannotCheck(self.refuses)
        self.asked.append(asked)
        sends = by_hand.planned(
            asked, 4, time.time_ns() // 1_000, self.places and self.places.speech
        )
        return [Acknowledged(n, send, 4_711 + n) for n, send in enumerate(sends)]

    def close(self) -> None: ...


class NotedKiller(Killer):
    """Kills nobody."""

    def kill(self, component: str) -> Kill:
        if component != "taskmanager-1":
            raise CannotCheck(f"component must be one of taskmanager-1, got {component}")
        steps = (Step("killed", f"{component}, process 17, by SIGKILL", 0.0),)
        self.newest = Kill(component, 17, ARRIVED, 0, steps)
        return self.newest


def counted(outcome: Outcome, offset: int, **more: Any) -> Counted:
    cells = {"transaction_id": f"tx-{offset}", "amount": "12.50 EUR", "reason": None, **more}
    return Counted(outcome, Place("payments", 2, offset), ARRIVED, **cells)


def books(double: int = 0, newest: tuple[Counted, ...] = (), **counts: int) -> Books:
    rows = {outcome: counts.get(outcome.value, 0) for outcome in Outcome}
    return Books(rows, double, newest)


def section(*indicators: Indicator, problem: str | None = None) -> Section:
    return Section("flink", "Flink 127.0.0.1:8081", list(indicators), [], problem)


def parts(places: Places = ACTING) -> Parts:
    board = Board()
    if places.sandbox is None:
        return Parts(places, board)
    sender: Any = NotedSender(places)
    return Parts(
        places,
        board,
        (),
        sender,
        Cards(places, board),
        NotedKiller(places, board),
        Prover(places, board),
    )


def client(found: Parts, base_url: str = "http://127.0.0.1:8000") -> TestClient:
    """A browser that has the token."""
    browser = TestClient(app.build(found, TOKEN, COOKIE), base_url=base_url)
    browser.cookies.set(COOKIE, TOKEN)
    return browser


def opened(found: Parts) -> Iterator[TestClient]:
    with client(found) as browser:
        yield browser

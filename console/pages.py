"""Makes the HTML: of the whole page, and of each part of it that changes.

Everything that comes from a record is escaped by Jinja; nothing here marks a text as safe.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jinja2

from console import runbook, send
from console.board import Point, Shown, rates_between
from console.faults import TASK_MANAGERS
from console.figures import FORMATS, figure
from console.look_up import Answer
from console.page_parts import Parts
from operations.health import text as health
from operations.health.indicators import Indicator
from operations.trace.row import name_of
from operations.version import VERSION
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES

T = TypeVar("T")
_TABLES = {table.outcome: table.name for table in OUTCOME_TABLES}
# As a reader expects them: what is counted first, and whatever outcome has no table last.
LANES = (*_TABLES, *(each for each in Outcome if each not in _TABLES))
_LANE_HEIGHT = 52
_FLOW_WIDTH = 120
_ROWS_MAX = 12
CHARTS = (
    ("state", "State", "state_bytes"),
    ("age", "Freshness", "newest_row_age_sec"),
    ("lag", "Records that wait", "lag_records"),
    ("rate", "Records a second", "rate"),
)

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(FORMATS, place=name_of)


def whole(parts: Parts, answer: Answer | None = None) -> str:
    """Returns the page, with all that is known at this moment."""
    return _ENVIRONMENT.get_template("page.html").render(
        places=parts.places,
        parts=_rendered(parts),
        answer=answer,
        charts=CHARTS,
        kinds=send.kinds(parts.places.speech),
        last_id=(parts.cards and parts.cards.last_id) or "",
        task_managers=TASK_MANAGERS,
        version=VERSION,
        acts=parts.sender is not None,
    )


def parts(found: Parts) -> dict[str, str]:
    """Returns each part that changes, by its name."""
    return {name: str(text) for name, text in _rendered(found).items()}


def look_up(answer: Answer) -> str:
    """Returns what was found of one payment."""
    return _ENVIRONMENT.get_template("answer.html").render(answer=answer)


def series(points: Sequence[Point]) -> list[dict[str, float | None]]:
    """Returns points of time as the charts take them."""
    return [
        {
            "at": point.at,
            "records": point.records,
            "state": point.state_bytes,
            "age": point.age_sec,
            "lag": point.lag,
        }
        for point in points
    ]


def _rendered(found: Parts) -> Mapping[str, Any]:
    shown = found.board.shown
    rates = found.board.rates()
    context = {
        "shown": shown,
        "acts": found.sender is not None,
        "verdict": _verdict(shown),
        "indicators": list(_indicators(shown)),
        "lanes": [_lane(shown, number, outcome, rates[1]) for number, outcome in enumerate(LANES)],
        "rate": rates[0],
        "flow": {
            "width": _FLOW_WIDTH,
            "height": _LANE_HEIGHT * len(LANES),
            "middle": _LANE_HEIGHT * len(LANES) / 2,
        },
        "sum": _sum(shown),
        "cards": found.cards.all if found.cards else [],
        "kill": found.killer and found.killer.newest,
        "proof": found.prover and found.prover.newest,
        "rows": list(_rows(found.board.points)),
        "now": dt.datetime.now(dt.UTC),
    }
    names = ["health", "sum", "flow", "newest", "verdict", *(f"table-{key}" for key, *_ in CHARTS)]
    if found.sender is not None:
        names += ["cards", "kill", "proof"]
    # Markup: the templates have escaped it already.
    return {name: _render(name, context) for name in names}


def _render(name: str, context: Mapping[str, Any]) -> Any:
    template, _, chart = name.partition("-")
    text = _ENVIRONMENT.get_template(f"parts/{template}.html").render(**context, chart=chart)
    return _Html(text)


class _Html(str):
    """Text that a template has made: it is put into another as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _verdict(shown: Shown) -> tuple[str, str]:
    """Returns how all is, and the class of its colour."""
    if not shown.sections:
        return "looking", "starting"
    said = health.verdict(shown.sections)
    if said == "well":
        return "well", "well"
    return said, "starting" if said.startswith("starting") else "unwell"


def _indicators(shown: Shown) -> Iterator[dict[str, Any]]:
    for indicator in health.indicators(shown.sections):
        yield {
            "name": indicator.name,
            "label": _label(indicator.name),
            "value": figure(indicator.name, indicator.value),
            "limit": None if indicator.limit is None else figure(indicator.name, indicator.limit),
            "state": _state(indicator),
            "meaning": indicator.meaning,
            "page": runbook.about(indicator.name),
        }


def _state(indicator: Indicator) -> str:
    if indicator.starting:
        return "starting"
    if indicator.limit is None:
        return "told"
    return "well" if indicator.healthy else "unwell"


def _label(name: str) -> str:
    name = name.replace("_ratio", "_share").removesuffix("_sec").removesuffix("_bytes")
    return name.replace("_", " ")


def _lane(
    shown: Shown, number: int, outcome: Outcome, rates: Mapping[Outcome, float]
) -> dict[str, Any]:
    rate = rates.get(outcome, 0.0)
    most = max([*rates.values(), 0.0])
    return {
        "outcome": outcome,
        "table": _TABLES.get(outcome, ""),
        "count": shown.books.counts.get(outcome, 0) if shown.books else None,
        "rate": rate,
        "last": shown.books.last(outcome) if shown.books else None,
        "middle": _LANE_HEIGHT * (number + 0.5),
        "stroke": round(1.5 + 6 * math.sqrt(rate / most), 1) if rate and most else 1.5,
    }


def _sum(shown: Shown) -> dict[str, Any] | None:
    """Returns what the sentence of conservation says, None before the first look."""
    books = shown.books
    if books is None or shown.records is None:
        return None
    waiting = shown.waiting
    return {
        "records": shown.records,
        "terms": [(outcome, books.counts.get(outcome, 0)) for outcome in LANES],
        "waiting": waiting,
        "double": books.double,
        "rows": books.rows,
        "since": books.since,
        "adds_up": waiting is not None and waiting >= 0 and not books.double,
    }


def _rows(points: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """Yields some points of the whole history, the newest first, for the tables."""
    every = max(1, len(points) // _ROWS_MAX)
    for index in range(len(points) - 1, -1, -every):
        point = points[index]
        before = points[max(0, index - every)]
        yield {
            "at": dt.datetime.fromtimestamp(point.at, dt.UTC),
            "state": figure("state_bytes", point.state_bytes),
            "age": figure("newest_row_age_sec", point.age_sec),
            "lag": figure("lag_records", point.lag),
            "rate": figure("rate", rates_between(before, point)[0]),
        }

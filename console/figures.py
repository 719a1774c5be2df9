"""Writes figures as people read them: units by name, digits that line up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

NOBODY_KNOWS = "–"
_CHARS_MAX = 64
_LINE_MAX = 300


def figure(name: str, value: float | None) -> str:
    """Returns an indicator's value with its unit, which its name ends in."""
    if value is None:
        return NOBODY_KNOWS
    unit = next((unit for unit in _UNITS if name.endswith(unit)), None)
    return number(value) if unit is None else _UNITS[unit](value)


def _megabytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB" if value < 1e8 else f"{value / 1e6:,.0f} MB"


def number(value: float | None) -> str:
    """Returns a whole number in groups of three."""
    return NOBODY_KNOWS if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """Returns a length of time, to a tenth of a second below a minute."""
    if value is None:
        return NOBODY_KNOWS
    if value < 60:
        return f"{value:.1f} s"
    minutes = value / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def rate(value: float | None) -> str:
    """Returns a number a second."""
    return NOBODY_KNOWS if value is None else f"{value:,.1f}"


def clock(moment: dt.datetime) -> str:
    """Returns a time of day."""
    return f"{moment.astimezone(dt.UTC):%H:%M:%S}"


def short(text: str | None) -> str:
    """Returns the beginning of a text that may be anything, on one line."""
    if text is None:
        return ""
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _CHARS_MAX else f"{text[: _CHARS_MAX - 1]}…"


def short_line(text: str | None) -> str:
    """Returns the beginning of a sentence that may hold anything."""
    text = text or ""
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _LINE_MAX else f"{text[: _LINE_MAX - 1]}…"


def why(text: str) -> str:
    """Returns what a record did to end so, behind `because it`."""
    verb, _, _ = text.partition(" ")
    return text if verb in ("copies", "contradicts", "sends") else f"is {text}"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "_sec": seconds,
    "_bytes": _megabytes,
    "_ratio": lambda value: f"{value:.1%}",
    "rate": lambda value: f"{value:,.1f} /s",
    "stopped_tasks": lambda value: f"{value:.0%}",
}
FORMATS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "seconds": seconds,
    "rate": rate,
    "clock": clock,
    "short": short,
    "short_line": short_line,
    "why": why,
    "limit": figure,
}

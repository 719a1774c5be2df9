"""A panel, as data: what it shows, what is normal, and where to read on."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

Kind = Literal["stat", "time"]
Unit = Literal["short", "s", "ms", "bytes", "percentunit", "reqps", "bool"]
Colour = Literal["green", "yellow", "red"]


@dataclasses.dataclass(frozen=True)
class Query:
    """A question to Prometheus.

    Attributes:
        legend: names its series; {{label}} is filled in.
        needs: what must be there beside the exporter and the reporter; empty for nothing.
    """

    expression: str
    legend: str
    needs: str = ""


@dataclasses.dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        normal: what a healthy one looks like, and why it is looked at.
        thresholds: from each value on, the colour; below the first it is green.
        alert: whose page in docs/runbook says what to do; empty where none is.
        stacked: series on top of each other.
        whole: whether it takes a whole line of the screen.
    """

    title: str
    normal: str
    kind: Kind
    unit: Unit
    queries: tuple[Query, ...]
    thresholds: tuple[tuple[float, Colour], ...] = ()
    alert: str = ""
    stacked: bool = False
    whole: bool = False

    def document(self) -> dict[str, Any]:
        """Returns it as plain values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Row:
    """Panels below one headline, which is a question."""

    title: str
    panels: tuple[Panel, ...]

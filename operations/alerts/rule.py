"""An alert and a recording rule, as data: the expression is written when its shape is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

from operations.alerts.limits import LIMITS

Severity = Literal["critical", "warning", "info"]
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclasses.dataclass(frozen=True)
class Shape:
    """How fast alerts are, and at what.

    Attributes:
        pace: factor of every duration; 1 is what ships. `make alerts` sees each alert fire within
            minutes by a small one.
        shortest_sec: no window is shorter: it must hold some scrapes.
        changed: limits that differ from those that ship.
    """

    pace: float = 1.0
    shortest_sec: int = 1
    changed: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def window(self, seconds: float) -> str:
        """Returns a duration in Prometheus' words."""
        return duration(max(self.shortest_sec, round(seconds * self.pace)))

    def age(self, seconds: float) -> str:
        """Returns up to which age something is recent, as a number in an expression."""
        return f"{max(self.shortest_sec, round(seconds * self.pace))}"

    def lasts(self, seconds: float) -> str:
        """Returns how long an alert waits."""
        return duration(round(seconds * self.pace))

    def limit(self, name: str) -> str:
        """Returns a limit as a number in an expression."""
        value = self.changed.get(name, LIMITS[name])
        return f"{value:g}" if value < 1 else f"{value:.0f}"


def duration(seconds: int) -> str:
    """Returns seconds in Prometheus' words, in the largest unit that is exact."""
    unit, letter = next(
        (u, letter) for u, letter in _UNITS if (seconds % u == 0 and seconds >= u) or u == 1
    )
    return f"{seconds // unit}{letter}"


Expression = Callable[[Shape], str]


@dataclasses.dataclass(frozen=True)
class Recording:
    """A figure that several ask for, computed once."""

    name: str
    expression: Expression


@dataclasses.dataclass(frozen=True)
class Alert:
    """One alert.

    Attributes:
        name: of its page in docs/runbook as well.
        severity: critical wakes somebody, warning is a ticket, info is a note.
        lasts_sec: how long the expression must hold.
        summary: what it is, for people, always the same sentence.
        description: what was seen; Prometheus fills in {{ $value }}.
        team: who is told; empty for whoever is on call.
    """

    name: str
    severity: Severity
    lasts_sec: int
    expression: Expression
    summary: str
    description: str
    team: str = ""

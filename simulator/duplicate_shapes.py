"""The ways in which a payment is sent again, as data."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal, NamedTuple

Spacing = Literal["together", "even", "backoff"]
Placement = Literal["same", "other", "alternating"]

# Copies stay within 20 minutes of their original. With the 5 minutes of clock skew that is far
# from the hour of allowed lateness, so no network delay can turn a duplicate into a late record.
DELAY_SEC_MAX = 1_200.0
_EVEN_GAP_SEC = 1.0
_BACKOFF_FIRST_GAP_SEC = 0.5


class DuplicateShape(NamedTuple):
    """One way of sending a payment again.

    `together` sends all copies at once, `even` one each second, `backoff` doubles the gap.
    `same` keeps key and partition, `other` uses another key on another partition, `alternating`
    begins with the other and changes at each copy.
    """

    name: str
    copies: int
    first_delay_sec: float
    spacing: Spacing
    placement: Placement

    def delays_sec(self) -> Iterator[float]:
        """Returns for each copy how long after the original it is sent."""
        delay_sec = self.first_delay_sec
        for copy in range(self.copies):
            yield min(delay_sec, DELAY_SEC_MAX)
            if self.spacing == "even":
                delay_sec += _EVEN_GAP_SEC
            elif self.spacing == "backoff":
                delay_sec += _BACKOFF_FIRST_GAP_SEC * 2**copy

    def elsewhere(self, copy: int) -> bool:
        """Returns whether copy number `copy` (from 0) goes to another partition."""
        if self.placement == "alternating":
            return copy % 2 == 0
        return self.placement == "other"


def _storm() -> list[tuple[DuplicateShape, float]]:
    delays_sec = (0, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600)
    spacings: tuple[Spacing, ...] = ("together", "even", "backoff")
    placements: tuple[Placement, ...] = ("same", "other", "alternating")
    # A single copy has no spacing, and nothing to alternate with.
    singles = itertools.product((1,), delays_sec, spacings[:1], placements[:2])
    several = itertools.product(range(2, 11), delays_sec, spacings, placements)
    shapes = [
        DuplicateShape(
            f"storm_{copies}x_{delay_sec:g}s_{spacing}_{place}", copies, delay_sec, spacing, place
        )
        for copies, delay_sec, spacing, place in itertools.chain(singles, several)
    ]
    return [(shape, 1 / len(shapes)) for shape in shapes]


# Weights follow what gateways do: mostly one retry at once, seldom a run of them.
KINDS: dict[str, list[tuple[DuplicateShape, float]]] = {
    "retry": [(DuplicateShape("retry", 1, 0, "together", "same"), 0.60)],
    "cross_partition": [(DuplicateShape("cross_partition", 1, 0.5, "together", "other"), 0.15)],
    "burst": [(DuplicateShape("burst", 10, 0, "together", "same"), 0.05)],
    "delayed": [
        (DuplicateShape("delayed", 1, delay_sec, "together", "same"), 0.05)
        for delay_sec in (60, 180, 600, 1_200)
    ],
    "storm": _storm(),
}
USUAL_KINDS = ("retry", "cross_partition", "burst", "delayed")


def mean_copies(shapes: list[tuple[DuplicateShape, float]]) -> float:
    """Returns how many copies a payment that is sent again has on average."""
    weight = sum(weight for _, weight in shapes)
    return sum(shape.copies * weight for shape, weight in shapes) / weight

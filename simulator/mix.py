"""Turns the shares of records that are faulty into chances of payments."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal, NamedTuple

from simulator import duplicate_shapes, faults
from simulator.duplicate_shapes import DuplicateShape
from simulator.traffic import Traffic

Step = Literal["payment", "nearly_late", "late", "invalid"]
_STEPS: tuple[Step, ...] = ("payment", "nearly_late", "late", "invalid")
_DRAWN_AT_ONCE = 1_024
# For four late payments, one that is held up too and still counts.
_NEARLY_LATE_PER_LATE = 0.25
# Delays are counted in records, so that the order does not depend on the clock. Without a rate,
# a second is as many records as one process about sends.
_UNPACED_RATE_PER_SEC = 20_000.0
# The longest delay takes at most half of a short run.
_DELAY_SHARE_MAX = 0.5


class Odds(NamedTuple):
    """The chances that give the shares of records that were asked for."""

    weights: tuple[float, float, float, float]  # of the steps, in the order of `Step`
    duplicate: float  # chance that a payment is sent again
    conflict: float  # chance that a payment is contradicted
    skipped: float = 0.0  # chance that records which are not the payment come before it
    life: int = 1  # how many they are

    @classmethod
    def of(cls, traffic: Traffic) -> Odds:
        """Returns the chances for a traffic that passed its check."""
        accepted = traffic.accepted_ratio
        late = traffic.late_ratio / (1 + faults.LATE_COPY_SHARE)
        again = traffic.duplicate_ratio / duplicate_shapes.mean_copies(traffic.shapes())
        # Only payments on time are followed by copies and conflicts: leave as many as they need.
        spare = accepted - max(
            again, traffic.conflict_ratio, traffic.skipped_ratio / traffic.life_records
        )
        nearly_late = min(late * _NEARLY_LATE_PER_LATE, spare)
        payment = accepted - nearly_late
        bursts = late / traffic.late_burst_size
        return cls(
            (payment, nearly_late, bursts, traffic.invalid_ratio),
            again / payment,
            traffic.conflict_ratio / payment,
            traffic.skipped_ratio / traffic.life_records / payment,
            traffic.life_records,
        )

    def steps(self, rng: random.Random) -> Iterator[Step]:
        """Yields what the next payment is, for ever."""
        while True:
            yield from rng.choices(_STEPS, self.weights, k=_DRAWN_AT_ONCE)


def shapes(traffic: Traffic, rng: random.Random) -> Iterator[DuplicateShape]:
    """Yields how the next payment is sent again, for ever."""
    choice, weights = zip(*traffic.shapes(), strict=True)
    if len(set(weights)) == 1:
        # All alike: each once in a shuffled order before any twice, so that a run has them all.
        while True:
            yield from rng.sample(choice, len(choice))
    while True:
        yield rng.choices(choice, weights)[0]


def records_per_delay_sec(traffic: Traffic) -> float:
    """Returns for how many records a delay of one second holds a copy back."""
    rate_per_sec = traffic.rate_per_sec or _UNPACED_RATE_PER_SEC
    if traffic.records is None:
        return rate_per_sec
    run_sec = traffic.records / rate_per_sec
    return rate_per_sec * min(1.0, run_sec * _DELAY_SHARE_MAX / duplicate_shapes.DELAY_SEC_MAX)

"""The guarantee as plain lists and loops, for anyone to check: what becomes of each record.

Nothing of the product is used here. It is slow, remembers everything and forgets nothing: for each
record it looks back over all that were accepted before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SECOND_US = 1_000_000
ALLOWED_LATENESS_US = 3_600 * SECOND_US
CLOCK_SKEW_US = 300 * SECOND_US
HORIZON_US = ALLOWED_LATENESS_US + CLOCK_SKEW_US


class Place(NamedTuple):
    """Where a record is in its topic."""

    partition: int
    offset: int


class Arrival(NamedTuple):
    """One record: where it is, when it arrived, what it says. Times are microseconds."""

    place: Place
    arrived_us: int
    transaction_id: str
    facts: tuple[int, str, str, str]  # amount in minor units, currency, payer, payee
    happened_us: int  # event time
    readable: bool = True  # whether the payload is a payment at all
    first_arrived_us: int | None = None  # of a dead letter sent again: when it came first


class Verdict(NamedTuple):
    """How a record ends; a duplicate or a conflict names the accepted record it repeats."""

    outcome: str
    first: Place | None = None


def judge_all(arrivals: Iterable[Arrival]) -> dict[Place, Verdict]:
    """Returns the verdict on each record, when they are read in this order."""
    accepted: list[Arrival] = []
    verdicts = {}
    for arrival in arrivals:
        verdict = _judge(arrival, accepted)
        verdicts[arrival.place] = verdict
        if verdict.outcome == "accepted":
            accepted.append(arrival)
    return verdicts


def _judge(arrival: Arrival, accepted: list[Arrival]) -> Verdict:
    if not arrival.readable:
        return Verdict("invalid")
    judged_at_us = arrival.arrived_us
    if arrival.first_arrived_us is not None:
        judged_at_us = arrival.first_arrived_us
        if judged_at_us > arrival.arrived_us:  # it claims to be sent again before it came first
            return Verdict("invalid")
    if arrival.happened_us > judged_at_us + CLOCK_SKEW_US:
        return Verdict("invalid")
    if judged_at_us > arrival.happened_us + ALLOWED_LATENESS_US:
        return Verdict("late")
    for earlier in reversed(accepted):
        same_id = earlier.transaction_id == arrival.transaction_id
        if same_id and arrival.arrived_us <= earlier.arrived_us + HORIZON_US:
            same_payment = earlier.facts == arrival.facts
            return Verdict("duplicate" if same_payment else "conflict", earlier.place)
    return Verdict("accepted")

"""A dead letter as the tools know it: where it is, how it is named, and what became of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from operations.reconcile.truth import Place
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import PaymentFacts, ReplayOf

# As `list` prints it, and as the reconciliation does: payments/2/4711, payments[2]@4711. A topic's
# name has no slash, and no shell expands one.
_PLACE = re.compile(r"([A-Za-z0-9._-]{1,249})(?:/|\[)(\d{1,9})(?:/|\]@)(\d{1,18})", re.ASCII)


class Fate(NamedTuple):
    """How a record that sent a dead letter again has ended."""

    outcome: Outcome
    place: Place
    broker_time_us: int


class Stored(NamedTuple):
    """A dead letter, and the second fates of what it carried: one for each time it was sent."""

    letter: DeadLetter
    fates: tuple[Fate, ...] = ()


class Counted(NamedTuple):
    """The accepted record of a transaction_id."""

    place: Place
    facts: PaymentFacts


def place_of(letter: DeadLetter) -> Place:
    """Returns where the dead letter is in Kafka."""
    return Place(letter.topic, letter.partition, letter.offset)


def name_of(place: Place) -> str:
    """Returns the form in which every subcommand takes a place."""
    # A broker that is sent a record twice keeps one, and may no longer know where: offset -1.
    return f"{place.topic}/{place.partition}/{place.offset if place.offset >= 0 else '?'}"


def place_named(name: str) -> Place:
    """Returns the place of that name.

    Raises:
        ValueError: the name has another form.
    """
    match = _PLACE.fullmatch(name)
    if not match:
        raise ValueError(f"a place must be TOPIC/PARTITION/OFFSET, got {name!r}")
    return Place(match[1], int(match[2]), int(match[3]))


def replay_of(letter: DeadLetter) -> ReplayOf:
    """Returns what a record says that sends the letter again.

    A dead letter of a dead letter keeps the arrival of the first one: lateness counts from it.
    """
    first = letter.replay_of
    original_time_us = letter.broker_time_us if first is None else first.original_time_us
    return ReplayOf(*place_of(letter), original_time_us)

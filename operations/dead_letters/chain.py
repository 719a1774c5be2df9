"""Follows the chain of replays that lead to a dead letter and from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from operations.dead_letters.history import History
from operations.dead_letters.letters import place_of
from operations.reconcile.truth import Place
from transforms.payment.dead_letter import DeadLetter


class Link(NamedTuple):
    """One record of a chain of replays."""

    place: Place
    broker_time_us: int | None  # None: no dead letter is there
    end: str  # how the record ended


def chain_of(letter: DeadLetter, history: History) -> list[Link]:
    """Returns the records from the first of the chain to the last, the letter among them."""
    before = list(_before(letter, history))[::-1]
    own = Link(place_of(letter), letter.broker_time_us, f"invalid: {letter.reason}")
    return [*before, own, *_after(place_of(letter), history)]


def _before(letter: DeadLetter, history: History) -> Iterator[Link]:
    # Headers can be forged: a chain may name records that are no dead letters, and even itself.
    seen = {place_of(letter)}
    while (of := letter.replay_of) is not None and (place := Place.of(of)) not in seen:
        seen.add(place)
        found = history.letters([place]).get(place)
        if found is None:
            yield Link(place, None, "no dead letter is there: is the header forged?")
            return
        letter = found
        yield Link(place, letter.broker_time_us, f"invalid: {letter.reason}")


def _after(place: Place, history: History) -> Iterator[Link]:
    seen, waiting = {place}, [place]
    while waiting:
        fates = history.fates(waiting)
        ends = [fate for place in waiting for fate in fates.get(place, ())]
        waiting = [fate.place for fate in ends if fate.place not in seen]
        seen.update(waiting)
        for fate in ends:
            yield Link(fate.place, fate.broker_time_us, fate.outcome.value)

"""The stories that the laws are checked with: short ones, in which everything is at an edge."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from tests.laws.reference_model import (
    ALLOWED_LATENESS_US,
    CLOCK_SKEW_US,
    HORIZON_US,
    SECOND_US,
    Arrival,
    Place,
)
from tests.support.payments import START_US

PARTITIONS = 3
RECORDS_MAX = 8
TICK_US = 1_000  # Kafka's clock: milliseconds

# Each contradicts the first in one fact.
FACTS = (
    (1250, "EUR", "acc-1", "shop-1"),
    (1251, "EUR", "acc-1", "shop-1"),
    (1250, "USD", "acc-1", "shop-1"),
    (1250, "EUR", "acc-2", "shop-1"),
    (1250, "EUR", "acc-1", "shop-2"),
)
# Between one arrival and the next. Two of them can add up to an edge, so some come in halves.
_GAPS_US = (
    0,
    TICK_US,
    SECOND_US,
    HORIZON_US - TICK_US,
    HORIZON_US,
    HORIZON_US + TICK_US,
    ALLOWED_LATENESS_US,
    ALLOWED_LATENESS_US + TICK_US,
    HORIZON_US // 2,
)
# Arrival minus event time. Event times have microseconds, arrivals have not.
_AGES_US = (
    0,
    -SECOND_US,
    -CLOCK_SKEW_US + 1,
    -CLOCK_SKEW_US,
    -CLOCK_SKEW_US - 1,
    -HORIZON_US,
    ALLOWED_LATENESS_US - 1,
    ALLOWED_LATENESS_US,
    ALLOWED_LATENESS_US + 1,
)
# Arrival minus the arrival that a replayed dead letter claims for its first; None is no replay.
_REPLAYED_AFTER_US = (None,) * 20 + (0, SECOND_US, 2 * HORIZON_US, -TICK_US)
_SAME = "the event time of the id's record before"


class Story(NamedTuple):
    """Records in the order of their arrival, and two orders in which a pipeline may read them.

    `crash` and `saved` are positions in `reading`: the process dies at `crash`, and the state that
    survives is the one of `saved`.
    """

    arrivals: tuple[Arrival, ...]
    reading: tuple[Arrival, ...]
    other_reading: tuple[Arrival, ...]
    saved: int
    crash: int


def stories(name: str = "tx") -> st.SearchStrategy[Story]:
    """Returns stories whose ids begin with `name`."""
    record = st.tuples(
        st.integers(0, PARTITIONS - 1),
        st.sampled_from(_GAPS_US),
        st.sampled_from((0, 0, 0, 1)),  # mostly one id: it is copies that are interesting
        st.sampled_from(FACTS[:1] * 6 + FACTS[1:]),
        st.sampled_from((_SAME,) * len(_AGES_US) + _AGES_US),
        st.sampled_from((True,) * 15 + (False,)),
        st.sampled_from(_REPLAYED_AFTER_US),
    )
    picks = st.lists(st.integers(0, PARTITIONS - 1), max_size=RECORDS_MAX)
    position = st.integers(0, RECORDS_MAX)
    return st.builds(
        _story,
        st.just(name),
        st.lists(record, min_size=1, max_size=RECORDS_MAX),
        picks,
        picks,
        st.tuples(position, position),
    )


def interleavings(arrivals: Sequence[Arrival]) -> list[tuple[Arrival, ...]]:
    """Returns every order of reading that is true to each partition: for a few records only."""
    lanes = [lane for lane in _lanes(arrivals) if lane]
    turns = [number for number, lane in enumerate(lanes) for _ in lane]
    orders = []
    for order in set(itertools.permutations(turns)):
        unread = [iter(lane) for lane in lanes]
        orders.append(tuple(next(unread[number]) for number in order))
    return orders


def _story(
    name: str,
    moves: list[tuple],
    picks: list[int],
    other_picks: list[int],
    positions: tuple[int, int],
) -> Story:
    arrivals = _arrivals(name, moves)
    saved, crash = sorted(min(position, len(arrivals)) for position in positions)
    return Story(arrivals, _merged(arrivals, picks), _merged(arrivals, other_picks), saved, crash)


def _arrivals(name: str, moves: list[tuple]) -> tuple[Arrival, ...]:
    arrivals: list[Arrival] = []
    offsets = [0] * PARTITIONS
    happened_us: dict[str, int] = {}  # by id, of its record before
    now_us = START_US
    for partition, gap_us, number, facts, age, readable, replayed_after_us in moves:
        now_us += gap_us
        id_ = f"{name}-{number}"
        judged_at_us = now_us - (replayed_after_us or 0)
        if age is _SAME:
            happened_us.setdefault(id_, judged_at_us)
        else:
            happened_us[id_] = judged_at_us - age
        arrivals.append(
            Arrival(
                Place(partition, offsets[partition]),
                now_us,
                id_,
                facts,
                happened_us[id_],
                readable,
                None if replayed_after_us is None else judged_at_us,
            )
        )
        offsets[partition] += 1
    return tuple(arrivals)


def _lanes(arrivals: Sequence[Arrival]) -> list[list[Arrival]]:
    return [
        [arrival for arrival in arrivals if arrival.place.partition == number]
        for number in range(PARTITIONS)
    ]


def _merged(arrivals: Sequence[Arrival], picks: list[int]) -> tuple[Arrival, ...]:
    """Reads from the picked partitions as long as they hold something, then what is left."""
    lanes = _lanes(arrivals)
    order = [lanes[number].pop(0) for number in picks if lanes[number]]
    return (*order, *itertools.chain.from_iterable(lanes))

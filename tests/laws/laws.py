"""The laws of the guarantee. Each takes a kind of product and a story, and asserts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable

from tests.laws.product import Product, process
from tests.laws.reference_model import HORIZON_US, Arrival, Place, Verdict, judge_all
from tests.laws.stories import TICK_US, Story

_MUCH_LATER_US = 10 * HORIZON_US


def agreement(product: type[Product], story: Story) -> None:
    """The verdicts are the reference model's, whether timers fire as early as may be or never."""
    for reading in (story.reading, story.other_reading):
        expected = judge_all(reading)
        assert process(product(), reading, forgets=True) == expected
        assert process(product(), reading, forgets=False) == expected


def conservation(product: type[Product], story: Story) -> None:
    """Each record read is in one table, and each partition is covered without a gap."""
    tables: dict[str, list[Place]] = {}
    for place, verdict in process(product(), story.reading).items():
        tables.setdefault(verdict.outcome, []).append(place)

    assert set(tables) <= {"accepted", "duplicate", "conflict", "late", "invalid"}
    placed = Counter(itertools.chain.from_iterable(tables.values()))
    assert placed == Counter(arrival.place for arrival in story.arrivals)
    for partition in {place.partition for place in placed}:
        offsets = sorted(place.offset for place in placed if place.partition == partition)
        assert offsets == list(range(len(offsets)))


def uniqueness(product: type[Product], story: Story) -> None:
    """No id is accepted twice within the horizon, and no copy with the same event time ever is."""
    verdicts = process(product(), story.reading)
    accepted = [each for each in story.reading if verdicts[each.place].outcome == "accepted"]
    for earlier, later in itertools.combinations(accepted, 2):
        if earlier.transaction_id == later.transaction_id:
            assert later.arrived_us - earlier.arrived_us > HORIZON_US
            # A replay is judged by an arrival of long ago: what keeps one from counting again
            # beyond the horizon is the replay tool, not the pipeline.
            replayed = {earlier.first_arrived_us, later.first_arrived_us} != {None}
            assert replayed or earlier.happened_us != later.happened_us


def replay(product: type[Product], story: Story) -> None:
    """After a crash, reading again from the saved state gives what the first reading gave."""
    undisturbed = product()
    expected = process(undisturbed, story.reading)

    first = product()
    before = process(first, story.reading, end=story.saved)
    saved = dict(first.state)
    lost = process(first, story.reading, begin=story.saved, end=story.crash)
    second = product(saved, now_us=_MUCH_LATER_US)
    again = process(second, story.reading, begin=story.saved)

    assert {**before, **again} == expected
    assert lost.items() <= again.items()  # a row written twice is the same row
    assert second.state == undisturbed.state


def order_independence(product: type[Product], story: Story) -> None:
    """Another order of reading gives the same ids; which copy is first may differ."""
    one = process(product(), story.reading)
    other = process(product(), story.other_reading)

    assert _places(one, "invalid") == _places(other, "invalid")
    assert _places(one, "late") == _places(other, "late")
    assert _accepted_ids(story, one).keys() == _accepted_ids(story, other).keys()
    for id_, copies in _by_id(story.arrivals).items():
        if len({copy.place.partition for copy in copies}) == 1:
            assert all(one[copy.place] == other[copy.place] for copy in copies)
        event_times = {copy.happened_us for copy in copies}
        if len(event_times) == 1 and all(copy.first_arrived_us is None for copy in copies):
            assert _accepted_ids(story, one)[id_] == _accepted_ids(story, other)[id_] <= 1


def conflict_symmetry(product: type[Product], story: Story) -> None:
    """A conflict names an accepted record that contradicts it, and would be named by it."""
    at = {arrival.place: arrival for arrival in story.arrivals}
    verdicts = process(product(), story.reading)
    for place, verdict in verdicts.items():
        if verdict.first is None:
            continue
        record, first = at[place], at[verdict.first]
        assert verdicts[first.place].outcome == "accepted"
        assert record.transaction_id == first.transaction_id
        assert (verdict.outcome == "conflict") == (record.facts != first.facts)
        if abs(record.arrived_us - first.arrived_us) <= HORIZON_US:
            swapped = process(product(), [record, first], forgets=False)
            assert swapped[record.place] == Verdict("accepted")
            assert swapped[first.place] == Verdict(verdict.outcome, record.place)


def horizon(product: type[Product], story: Story) -> None:
    """An id is remembered for the horizon after its acceptance, no copy extends it, then gone."""
    live = product()
    verdicts = process(live, story.reading)
    ends_us = {  # by id: a later acceptance replaces an earlier one
        arrival.transaction_id: arrival.arrived_us + HORIZON_US
        for arrival in story.reading
        if verdicts[arrival.place].outcome == "accepted"
    }
    newest_us = max(arrival.arrived_us for arrival in story.arrivals)
    for end_us in sorted(set(ends_us.values())):
        if end_us >= newest_us:
            live.advance(end_us)
            assert live.state.keys() == {id_ for id_, each in ends_us.items() if each >= end_us}
        live.advance(end_us + TICK_US)
        assert not any(id_ in live.state for id_, each in ends_us.items() if each <= end_us)
    assert live.state == {}


ALL = (
    agreement,
    conservation,
    uniqueness,
    replay,
    order_independence,
    conflict_symmetry,
    horizon,
)


def _places(verdicts: dict[Place, Verdict], outcome: str) -> set[Place]:
    return {place for place, verdict in verdicts.items() if verdict.outcome == outcome}


def _accepted_ids(story: Story, verdicts: dict[Place, Verdict]) -> Counter[str]:
    places = _places(verdicts, "accepted")
    return Counter(each.transaction_id for each in story.arrivals if each.place in places)


def _by_id(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    copies: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        copies.setdefault(arrival.transaction_id, []).append(arrival)
    return copies

"""The laws of the guarantee hold with producers' times, as far off as the broker's bounds allow.

A record arrives at a moment that nobody is told. It carries a time that may be `BEFORE` behind it
and `AFTER` ahead of it: the bounds of KIP-937. The watermark here is that of BoundedCreateTime.java
(tests/integration/test_bounded_arrival.py has the real one).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from tests.laws import product, reference_model
from tests.laws.product import Product, record_of
from tests.laws.reference_model import (
    ALLOWED_LATENESS_US,
    CLOCK_SKEW_US,
    HORIZON_US,
    SECOND_US,
    Arrival,
    Place,
    Verdict,
)
from tests.laws.stories import FACTS
from tests.support.payments import START_US
from transforms.payment.arrival import BOUNDED_CREATE
from transforms.payment.arrival import Arrival as Mode
from transforms.payment.dedup_policy import DedupPolicy

BEFORE_US, AFTER_US = 1_800 * SECOND_US, 600 * SECOND_US
SLACK_US = Mode(BOUNDED_CREATE, 2_400).slack_us
assert SLACK_US == BEFORE_US + AFTER_US

_GAPS_US = (0, SECOND_US, 600 * SECOND_US, BEFORE_US, HORIZON_US, HORIZON_US + SLACK_US)
_OFF_US = (0, SECOND_US, -SECOND_US, AFTER_US, -BEFORE_US, AFTER_US // 2, -BEFORE_US // 2)
_AGES_US = (0, -CLOCK_SKEW_US, ALLOWED_LATENESS_US, ALLOWED_LATENESS_US + 1, -SECOND_US)


class Record(NamedTuple):
    """A record as the job sees it, and when it really arrived."""

    seen: Arrival
    truly_us: int


class Bounded(Product):
    """The product, with the horizon of a job whose producers' times have these bounds."""

    policy = DedupPolicy(HORIZON_US + SLACK_US)


class Blind(Bounded):
    """Goes by what is remembered alone: forgotten is what a timer has cleared."""

    class _Policy(DedupPolicy):
        def forgets(self, first, arrival_us: int) -> bool:
            return False

    policy = _Policy(HORIZON_US + SLACK_US)


@st.composite
def readings(draw: st.DrawFn) -> list[Record]:
    """Records of two partitions in an order in which they may be read."""
    truly_us, records = START_US, []
    happened: dict[str, int] = {}
    offsets = [0, 0]
    for _ in range(draw(st.integers(2, 7))):
        truly_us += draw(st.sampled_from(_GAPS_US))
        time_us = truly_us + draw(st.sampled_from(_OFF_US))
        id_ = draw(st.sampled_from("AB"))
        again = id_ in happened and draw(st.booleans())
        happened_us = happened[id_] if again else time_us - draw(st.sampled_from(_AGES_US))
        happened[id_] = happened_us
        partition = draw(st.integers(0, 1))
        place = Place(partition, offsets[partition])
        offsets[partition] += 1
        facts = draw(st.sampled_from(FACTS[:2]))
        records.append(Record(Arrival(place, time_us, id_, facts, happened_us), truly_us))
    order = draw(st.permutations(range(len(records))))
    parts = [[each for each in records if each.seen.place.partition == n] for n in (0, 1)]
    # Any interleaving of the partitions, each in its order.
    turns = [records[number].seen.place.partition for number in order]
    return [parts[partition].pop(0) for partition in turns]


def watermarks(reading: list[Record], slack_us: int, idle: bool) -> Iterator[int]:
    """Yields the watermark behind each record: of a partition what it has read, less the slack.

    Args:
        idle: whether one that has nothing left follows the clock, as early as it ever may.
    """
    held = [0, 0]
    for position, record in enumerate(reading):
        partition = record.seen.place.partition
        held[partition] = max(held[partition], record.seen.arrived_us - slack_us)
        left = [[r for r in reading[position + 1 :] if r.seen.place.partition == n] for n in (0, 1)]
        marks = list(held)
        for number in (0, 1):
            if idle:
                # The partition was read to its end just before the next record of it arrived.
                clock_us = min((each.truly_us for each in left[number]), default=2**62)
                marks[number] = max(marks[number], clock_us - slack_us)
        yield min(marks)


def process(
    kind: type[Product], reading: list[Record], slack_us: int = SLACK_US, idle: bool = True
) -> dict[Place, Verdict]:
    product_, verdicts = kind(), {}
    for record, mark_us in zip(reading, watermarks(reading, slack_us, idle), strict=True):
        verdict = product_.read(record_of(record.seen))
        assert verdict is not None
        verdicts[record.seen.place] = verdict
        product_.advance(mark_us)
    return verdicts


@settings(max_examples=300)
@given(reading=readings())
def test_no_record_is_behind_the_watermark(reading: list[Record]) -> None:
    marks = watermarks(reading, SLACK_US, idle=True)
    for position, mark_us in enumerate(marks):
        assert all(later.seen.arrived_us >= mark_us for later in reading[position + 1 :])


@settings(max_examples=300)
@given(reading=readings())
def test_no_copy_counts_twice(reading: list[Record]) -> None:
    for kind in (Bounded, Blind):
        verdicts = process(kind, reading)
        accepted = [each for each in reading if verdicts[each.seen.place].outcome == "accepted"]
        for one, other in itertools.combinations(accepted, 2):
            if one.seen.transaction_id == other.seen.transaction_id:
                assert one.seen.happened_us != other.seen.happened_us
                # By the moments of their true arrival: the promise of every other topic.
                assert abs(other.truly_us - one.truly_us) > HORIZON_US


@settings(max_examples=300)
@given(reading=readings())
def test_verdicts_follow_from_the_records_alone(reading: list[Record]) -> None:
    """However early timers fire, and whether partitions are idle or not."""
    never = process(Bounded, reading, slack_us=2**61, idle=False)

    assert process(Bounded, reading) == never
    assert process(Bounded, reading, idle=False) == never
    assert never == _model([each.seen for each in reading])


def _model(seen: list[Arrival]) -> dict[Place, Verdict]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_model, "HORIZON_US", HORIZON_US + SLACK_US)
        return reference_model.judge_all(seen)


def test_control_a_watermark_that_is_not_held_back_forgets_too_early() -> None:
    def forgets(reading: list[Record]) -> bool:
        never = process(Bounded, reading, slack_us=2**61, idle=False)
        return process(Bounded, reading, slack_us=0) != never

    assert _found(forgets)


def test_control_a_horizon_without_the_bounds_does_not_keep_the_promise() -> None:
    """By true arrival, ids must be remembered as long as on any other topic."""

    def breaks(reading: list[Record]) -> bool:
        verdicts = process(product.Product, reading)
        accepted = [each for each in reading if verdicts[each.seen.place].outcome == "accepted"]
        return any(
            one.seen.transaction_id == other.seen.transaction_id
            and abs(other.truly_us - one.truly_us) <= HORIZON_US
            for one, other in itertools.combinations(accepted, 2)
        )

    assert _found(breaks)


def _found(condition) -> bool:
    try:
        find(readings(), condition, settings=settings(max_examples=20_000, database=None))
    except NoSuchExample:
        return False
    return True

"""Each record is read from exactly one dataset, whatever is handed over or back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.errors import RolloutError
from operations.rollout import ranges
from operations.rollout.ranges import END, Served

BLUE, GREEN, NEXT = "p.blue", "p.green", "p.next"
PARTITIONS = [("payments", number) for number in range(4)]
ALL_BLUE = ranges.served_by(BLUE, PARTITIONS)
CUTS = {partition: 7 for partition in PARTITIONS}


def dataset_at(served: list[Served], partition: int, offset: int, bucket: int) -> str:
    """Returns who is read there; fails unless it is one."""
    [found] = [
        each.dataset
        for each in served
        if each.partition == partition
        and each.start <= offset < each.end
        and each.first <= bucket < each.last
    ]
    return found


def test_green_is_read_from_its_cut_for_its_share_of_the_ids() -> None:
    served = ranges.handed_over(ALL_BLUE, GREEN, CUTS, 25)

    assert dataset_at(served, 1, 6, bucket=0) == BLUE
    assert dataset_at(served, 1, 7, bucket=63) == GREEN
    assert dataset_at(served, 1, 7, bucket=64) == BLUE
    assert ranges.newest_names(served) == [BLUE, GREEN]


cuts = st.fixed_dictionaries({partition: st.integers(0, 1_000) for partition in PARTITIONS})
percents = st.integers(1, 100)


@given(cuts, cuts, percents, st.integers(0, 3), st.integers(0, 3_000), st.integers(0, 255))
def test_each_record_is_read_from_exactly_one_dataset(
    first, later, percent, partition, offset, bucket
) -> None:
    """Two rollouts: the first was finished, the second began at or behind its cuts."""
    once = ranges.handed_over(ALL_BLUE, GREEN, first, 100)
    second = {each: first[each] + more for each, more in later.items()}
    twice = ranges.handed_over(once, NEXT, second, percent)

    place = ("payments", partition)
    expected = (
        NEXT
        if offset >= second[place] and bucket < math.ceil(256 * percent / 100)
        else GREEN
        if offset >= first[place]
        else BLUE
    )
    assert dataset_at(twice, partition, offset, bucket) == expected


@given(cuts, cuts, percents, percents)
def test_a_share_can_be_changed_and_taken_back(first, later, percent, other) -> None:
    once = ranges.handed_over(ALL_BLUE, GREEN, first, percent)

    assert ranges.taken_back(once, GREEN) == ALL_BLUE

    finished = ranges.handed_over(ALL_BLUE, GREEN, first, 100)
    second = {each: first[each] + more for each, more in later.items()}
    ramped = ranges.handed_over(finished, NEXT, second, percent)
    base = ranges.taken_back(ramped, NEXT)

    assert ranges.newest_of(base) == GREEN
    assert ranges.handed_over(base, NEXT, second, percent) == ramped
    assert ranges.newest_of(ranges.handed_over(base, NEXT, second, 100)) == NEXT
    ranges.check(ranges.handed_over(base, NEXT, second, other))


WHOLE = Served(BLUE, "t", 0, 0, END)


@pytest.mark.parametrize(
    "served",
    [
        [WHOLE._replace(end=5)],
        [WHOLE._replace(end=5), Served(GREEN, "t", 0, 6, END)],
        [WHOLE._replace(end=5), Served(GREEN, "t", 0, 4, END)],
        [WHOLE, WHOLE._replace(dataset=GREEN)],
        [WHOLE._replace(first=25), Served(GREEN, "t", 0, 0, END, 0, 24)],
        [WHOLE._replace(first=25), Served(GREEN, "t", 0, 0, END, 0, 26)],
        [WHOLE._replace(first=25)],
    ],
)
def test_gap_or_overlap_is_never_put_in_force(served: list[Served]) -> None:
    with pytest.raises(RolloutError, match="read from exactly one dataset, got"):
        ranges.check(served)


def test_green_from_before_blue_began_is_refused() -> None:
    finished = ranges.handed_over(ALL_BLUE, GREEN, CUTS, 100)

    with pytest.raises(RolloutError, match="exactly one dataset"):
        ranges.handed_over(finished, NEXT, {each: 3 for each in PARTITIONS}, 100)


def test_partition_without_a_cut_is_not_handed_over() -> None:
    with pytest.raises(RolloutError, match=r"payments\[3\] cannot be handed over"):
        ranges.handed_over(ALL_BLUE, GREEN, dict(list(CUTS.items())[:3]), 50)


def test_only_dataset_cannot_be_taken_back() -> None:
    with pytest.raises(RolloutError, match=r"nobody would read payments\[0\]"):
        ranges.taken_back(ALL_BLUE, BLUE)


def test_unfinished_rollout_has_no_newest_dataset() -> None:
    half = ranges.handed_over(ALL_BLUE, GREEN, CUTS, 50)

    assert ranges.newest_of(ALL_BLUE) == BLUE
    with pytest.raises(RolloutError, match="take-back"):
        ranges.newest_of(half)

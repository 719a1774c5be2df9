"""Which dataset is read for which offsets: always exactly one, whatever is handed over or back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rollout import ranges
from pipeline.rollout.errors import RolloutError
from pipeline.rollout.ranges import END, Served

BLUE, GREEN, NEXT = "p.blue", "p.green", "p.next"
PARTITIONS = [("payments", number) for number in range(4)]
ALL_BLUE = ranges.served_by(BLUE, PARTITIONS)


def dataset_at(served: list[Served], partition: int, offset: int) -> str:
    """Returns who is read there; fails unless it is one."""
    [found] = [
        each.dataset
        for each in served
        if each.partition == partition and each.start <= offset < each.end
    ]
    return found


def test_green_is_read_from_its_cut_and_blue_below() -> None:
    served = ranges.handed_over(ALL_BLUE, GREEN, {("payments", 1): 7})

    assert dataset_at(served, 1, 6) == BLUE
    assert dataset_at(served, 1, 7) == GREEN
    assert dataset_at(served, 0, 7) == BLUE


def test_partition_that_green_reads_whole_can_be_taken_back() -> None:
    served = ranges.handed_over(ALL_BLUE, GREEN, {("payments", 0): 0})

    assert dataset_at(served, 0, 0) == GREEN
    assert ranges.taken_back(served, GREEN) == ALL_BLUE


cuts = st.dictionaries(st.sampled_from(PARTITIONS), st.integers(0, 1_000))


@given(cuts, cuts, st.integers(0, 3), st.integers(0, 3_000))
def test_each_offset_is_read_from_exactly_one_dataset(first, second, partition, offset) -> None:
    """Two rollouts, one after the other; the second began where the first is read."""
    once = ranges.handed_over(ALL_BLUE, GREEN, first)
    later = {each: 1_000 + cut for each, cut in second.items()}
    twice = ranges.handed_over(once, NEXT, later)

    place = ("payments", partition)
    expected = (
        NEXT
        if place in later and offset >= later[place]
        else GREEN
        if place in first and offset >= first[place]
        else BLUE
    )
    assert dataset_at(twice, partition, offset) == expected
    assert sorted(ranges.taken_back(twice, NEXT)) == sorted(once)


def test_share_is_rounded_up_and_grows() -> None:
    shares = [ranges.share_of(PARTITIONS, percent) for percent in (1, 25, 26, 50, 100)]

    assert [len(each) for each in shares] == [1, 1, 2, 2, 4]
    assert all(set(small) <= set(large) for small, large in pairwise(shares))


@pytest.mark.parametrize(
    ("served", "words"),
    [
        ([Served(BLUE, "t", 0, 0, 5)], "nobody reads t[0] from offset 5"),
        ([Served(BLUE, "t", 0, 0, 5), Served(GREEN, "t", 0, 6, END)], "on from offset 5, got 6"),
        ([Served(BLUE, "t", 0, 0, 5), Served(GREEN, "t", 0, 4, END)], "on from offset 5, got 4"),
        ([Served(BLUE, "t", 0, 0, END), Served(GREEN, "t", 0, 0, END)], "got 0 to"),
    ],
)
def test_gap_or_overlap_is_never_put_in_force(served: list[Served], words: str) -> None:
    with pytest.raises(RolloutError) as told:
        ranges.check(served)

    assert words in str(told.value)


def test_partition_that_nobody_reads_cannot_be_handed_over() -> None:
    with pytest.raises(RolloutError, match="nobody reads"):
        ranges.handed_over(ALL_BLUE, GREEN, {("payments", 9): 1})


def test_only_dataset_cannot_be_taken_back() -> None:
    with pytest.raises(RolloutError, match=r"nobody but p\.blue reads"):
        ranges.taken_back(ALL_BLUE, BLUE)


def test_unfinished_rollout_has_no_newest_dataset() -> None:
    half = ranges.handed_over(ALL_BLUE, GREEN, {("payments", 0): 5})

    assert ranges.newest_of(ALL_BLUE) == BLUE
    with pytest.raises(RolloutError, match="take-back"):
        ranges.newest_of(half)

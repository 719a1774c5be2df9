"""Chosen keys load every subtask alike; the control shows what numbers from 0 up do."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline import flink_keys


def loads(keys: tuple[int, ...], subtasks: int) -> list[int]:
    """Returns how many of the keys each subtask has."""
    counts = Counter(flink_keys.subtask_of(key, subtasks) for key in keys)
    return [counts[subtask] for subtask in range(subtasks)]


@pytest.mark.parametrize("count", [2, 8, 32, 128, 512])
def test_every_number_of_subtasks_that_divides_the_keys_is_loaded_evenly(count: int) -> None:
    keys = flink_keys.even_keys(count)

    assert len(set(keys)) == count
    for subtasks in (1, 2, 4, 8, 32, 128, 512):
        if count % subtasks == 0:
            assert loads(keys, subtasks) == [count // subtasks] * subtasks


@pytest.mark.parametrize("subtasks", [3, 5, 6, 7, 12])
def test_other_numbers_of_subtasks_differ_by_one_key_at_most(subtasks: int) -> None:
    counts = loads(flink_keys.even_keys(32), subtasks)

    assert max(counts) - min(counts) <= 1


def test_control_numbers_from_zero_up_leave_some_subtasks_idle() -> None:
    assert min(loads(tuple(range(32)), 8)) < 4 < max(loads(tuple(range(32)), 8))


def test_keys_of_fewer_shards_are_among_those_of_more() -> None:
    assert set(flink_keys.even_keys(8)) < set(flink_keys.even_keys(16))
    assert set(flink_keys.even_keys(16)) < set(flink_keys.even_keys(512))


@pytest.mark.parametrize(
    ("parallelism", "shards"), [(-1, 8), (1, 8), (2, 8), (3, 16), (8, 32), (128, 512), (999, 512)]
)
def test_shards_follow_the_parallelism(parallelism: int, shards: int) -> None:
    assert flink_keys.count_for(parallelism) == shards


def test_keys_are_what_they_were() -> None:
    """State is found by its key: other keys for the same number of shards would lose it all."""
    assert flink_keys.even_keys(8) == (286, 298, 464, 6, 489, 1727, 1285, 949)

"""Waiting payments are found by their time, and moved to another cell a few times at most."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.state import arrival_queue
from transforms.state.arrival_queue import CALL_MAX, CELLS, ArrivalQueue

Held = list[tuple[int, int]]  # stretch, payments


def test_shard_that_is_up_to_date_waits_stretch_by_stretch() -> None:
    queue = ArrivalQueue()
    cells = [queue.put(stretch, 7) for stretch in (100, 101, 100, 102)]

    assert cells == [0, 1, 0, 2]
    assert queue.due() == 100
    assert queue.take().count == 14
    assert queue.due() == 101


def test_backlog_gathers_stretches_until_a_call_has_enough_of_them() -> None:
    queue = ArrivalQueue()
    cells = [queue.put(stretch, 1_000) for stretch in range(9)]

    assert cells == [0, 1, 2, 3, 3, 3, 3, 4, 4]


def test_payment_from_before_all_that_wait_is_due_at_once_and_alone() -> None:
    queue = ArrivalQueue()
    queue.put(100, 7)
    queue.put(40, 1)

    assert queue.due() == 40
    assert queue.take().count == 1


def test_span_that_is_too_large_is_due_at_its_first_stretch_and_spread() -> None:
    queue = ArrivalQueue([arrival_queue.Span(3, 50, 59, 10 * 3_000)])
    assert queue.due() == 50
    assert queue.too_large()
    queue.take()

    cell_of = queue.spread(Counter({stretch: 3_000 for stretch in range(50, 60)}))

    assert sorted(cell_of) == list(range(50, 60))
    counts = Counter(cell_of.values())
    assert list(counts.values()) == [1, 5, 4]
    assert not queue.too_large()
    assert queue.due() == 50


def test_stretch_is_never_divided() -> None:
    queue = ArrivalQueue()
    queue.put(7, 100 * CALL_MAX)

    assert not queue.too_large()


def drain(arrivals: list[tuple[int, int]], watermark_behind: int) -> tuple[list[Held], int]:
    """Puts (stretch, count) one by one and takes what is due.

    Returns:
        what each call judges, and how many payments were moved to another cell.
    """
    queue, calls, moved = ArrivalQueue(), [], 0
    cells: defaultdict[int, Held] = defaultdict(list)
    newest = 0

    def settle(watermark: int) -> None:
        nonlocal queue, moved
        while (due := queue.due()) is not None and due < watermark:
            too_large, span = queue.too_large(), queue.take()
            held = cells.pop(span.cell)
            assert sum(count for _, count in held) == span.count
            if too_large:
                counts = Counter[int]()
                for stretch, count in held:
                    counts[stretch] += count
                cell_of = queue.spread(counts)
                for stretch, count in held:
                    cells[cell_of[stretch]].append((stretch, count))
                moved += span.count
            else:
                calls.append(sorted(held))
            queue = ArrivalQueue.decode(queue.encode())

    for stretch, count in arrivals:
        cells[queue.put(stretch, count)].append((stretch, count))
        assert len(queue) <= CELLS
        newest = max(newest, stretch)
        settle(newest - watermark_behind)
    settle(newest + 1)
    assert not queue
    assert not any(cells.values())
    return calls, moved


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from((1, 900, 3_900, 9_000))), max_size=80),
    st.integers(0, 300),
)
def test_everything_is_taken_once_and_nothing_in_time_before_what_was_due(
    arrivals: list[tuple[int, int]], behind: int
) -> None:
    calls, _ = drain(arrivals, behind)

    taken = [each for call in calls for each in call]
    assert sorted(taken) == sorted(arrivals)
    if behind == 300:  # nothing was behind the watermark: all in order
        assert taken == sorted(taken)


@pytest.mark.parametrize("stretches", [1_000, 10_000, 40_000])
def test_longer_backlog_moves_payments_no_more_often(stretches: int) -> None:
    """Three parts come before the fourth, which is the watermark's."""
    fast = [(stretch, 30) for stretch in range(stretches)]
    slow = [(stretch, 10) for stretch in range(stretches)]
    payments = stretches * 40

    calls, moved = drain([*fast, *slow], stretches)

    sizes = [sum(count for _, count in call) for call in calls]
    assert sum(sizes) == payments
    assert moved / payments < 8
    assert len(calls) < payments / 1_000 + 20
    assert max(sizes) <= 1.4 * CALL_MAX


def test_control_without_growing_spans_the_work_grows_with_the_backlog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrival_queue, "_GROWTH", 1)
    _, moved = drain([(stretch, 40) for stretch in range(20_000)], 20_000)

    assert moved / (20_000 * 40) > 8


def test_random_order_of_delivery_is_taken_in_order_of_time() -> None:
    arrivals = [(stretch, 40) for stretch in range(3_000)]
    random.Random(1).shuffle(arrivals)

    calls, _ = drain(arrivals, 3_000)

    assert [each for call in calls for each in call] == sorted(arrivals)

"""Sorting on disk: nothing lost, order kept, memory bounded."""

from __future__ import annotations

import tempfile
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.errors import CannotCheck
from operations.reconcile import sorted_runs
from operations.reconcile.sorted_runs import SortedRuns

KEYS = st.lists(st.integers(0, 9), max_size=80)


@given(keys=KEYS, items_a_run=st.integers(1, 40), data=st.data())
def test_gives_back_all_by_key_and_equal_keys_as_added(
    keys: list[int], items_a_run: int, data
) -> None:
    runs: SortedRuns[tuple[int, str]] = SortedRuns(run_bytes=325 * items_a_run)
    pairs = [((key, "x"), number) for number, key in enumerate(keys)]
    middle = data.draw(st.integers(0, len(keys)))

    for key, value in pairs[:middle]:
        runs.add(key, value)
    assert list(runs) == sorted(pairs[:middle], key=lambda pair: pair[0])
    for key, value in pairs[middle:]:
        runs.add(key, value)

    assert list(runs) == list(runs) == sorted(pairs, key=lambda pair: pair[0])
    assert len(runs) == len(pairs)


def test_merges_runs_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_runs, "_RUNS_MERGED", 6)
    runs: SortedRuns[int] = SortedRuns(run_bytes=1)  # every pair is a run
    count = 6**3 + 4
    for number in range(count):
        runs.add(-number % 97, number)

    assert list(runs) == sorted(((-n % 97, n) for n in range(count)), key=lambda pair: pair[0])
    assert [len(level) for level in runs._levels] == [4, 0, 0, 1]


def test_values_of_any_plain_kind_come_back() -> None:
    runs: SortedRuns[str] = SortedRuns(run_bytes=1)
    values = [None, 10**30, -1, "ä", b"\x00", (1, ("a", None), 2.5), True]
    for value in values:
        runs.add("same", value)

    assert [value for _, value in runs] == values


def _peak_bytes(count: int) -> int:
    tracemalloc.start()
    try:
        runs: SortedRuns[int] = SortedRuns(run_bytes=40_000)
        for number in range(count):
            runs.add(number * 7919 % count, (number, "x" * 50))
        assert sum(1 for _ in runs) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_values() -> None:
    # Runs of 108; 48 of them are merged into one at a time.
    assert _peak_bytes(32_000) < 1.2 * _peak_bytes(8_000)


def test_full_disk_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)

    with pytest.raises(CannotCheck, match=r"No space left on device. Hint: TMPDIR names") as told:
        SortedRuns(run_bytes=1).add(1, 1)

    assert "\n" not in str(told.value)

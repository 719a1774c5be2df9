"""The proof fits: its memory does not grow with the records."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable

import pytest

from benchmarks.reconcile import Book, reconciled
from operations.reconcile import sorted_runs
from operations.reconcile.report import Report
from operations.reconcile.truth import Limits
from tests.support.reconcile_reference import audit as reference
from tests.support.reconcile_reference.truth import Truth as ReferenceTruth


def in_memory(book: Book) -> Report:
    truth = ReferenceTruth(book.ranges(), Limits())
    for record in book.read():
        truth.add(record)
    return reference.audit(truth, book.tables())


def growth(prove: Callable[[Book], Report], records: int) -> float:
    """Returns by how much the peak of memory grows when there are four times as many records."""
    peaks = []
    for book in (Book(records), Book(4 * records)):
        tracemalloc.start()
        try:
            report = prove(book)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert report.balanced, report.problems
        assert report.counts.read == book.records
    return peaks[1] / peaks[0]


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes runs so short that few records are many runs."""
    monkeypatch.setattr(sorted_runs, "RUN_BYTES", 30_000)
    monkeypatch.setattr(sorted_runs, "_RUNS_MERGED", 4)
    monkeypatch.setattr(sorted_runs, "_BLOCK_ITEMS", 16)


@pytest.mark.usefixtures("small_runs")
def test_memory_does_not_grow_with_the_records() -> None:
    assert growth(reconciled, 1_000) < 1.5


def test_control_a_proof_in_memory_grows() -> None:
    assert growth(in_memory, 500) > 3


def measured(*flags: str) -> subprocess.CompletedProcess[str]:
    """Runs the benchmark in a process of its own: the peak of this one is that of all its tests."""
    command = [sys.executable, "-m", "benchmarks.reconcile", "--records=500", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_benchmark_tells_memory_time_and_disk() -> None:
    done = measured()

    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("500 records: ")
    assert "MiB of memory at most" in last
    assert measured("--most_mib=1").returncode == 1

"""Every row is visible once, whatever dies when; each control is missing one safeguard."""

from __future__ import annotations

from collections import Counter, deque

import grpc
import pytest

from tests.support.bigquery_parts import Clock
from tests.support.two_phase_commit import Job
from transforms.bigquery.append_connection import Part, Problem
from transforms.bigquery.errors import CannotWrite
from transforms.bigquery.table_stream import Position, TableStream

# Three thousand were run once; each finds what the controls are missing within a few dozen.
_SEEDS = range(120)
_CONTROL_SEEDS = range(40)


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    return Clock(monkeypatch)


def wrong(seed: int, name: str, **without: object) -> Counter[str]:
    """Returns the ids that are not visible once, with how often they are."""
    job = Job(seed, f"{name}_{seed}", **without)
    visible = job.run()
    return Counter({id_: visible[id_] for id_ in job.ids if visible[id_] != 1})


def test_every_row_is_visible_once() -> None:
    found = {seed: bad for seed in _SEEDS if (bad := wrong(seed, "sink"))}
    assert not found


def test_attempts_zombies_and_lost_answers_leave_streams_behind(clock) -> None:
    # Else the test above would be true of a job to which nothing happens.
    jobs = [Job(seed, f"met_{seed}") for seed in range(40)]
    for job in jobs:
        job.run()
    streams = [len(job._bigquery.streams) for job in jobs]
    assert sum(streams) > 4 * len(jobs)
    assert len(clock.pauses) > 3 * len(jobs)
    behind = [
        len(rows) - job._bigquery.flushed[stream]
        for job in jobs
        for stream, rows in job._bigquery.streams.items()
    ]
    assert sum(behind) > 4 * len(jobs)  # appended, and never to be seen


# --- Controls -------------------------------------------------------------------------------------


class TakesExistingForSuccess(TableStream):
    """Takes rows that lie at our offset for ours."""

    def _append(self, waiting: deque[Part]) -> Problem | None:
        problem = super()._append(waiting)
        stream, offset = self.position
        rows = self._client._bigquery.streams[stream]
        if problem is not None and waiting[0].rows <= len(rows) - offset:
            assert problem.code is not grpc.StatusCode.OUT_OF_RANGE
            self.position = Position(stream, offset + waiting.popleft().rows)
            return Problem(grpc.StatusCode.UNAVAILABLE, "go on")
        return problem


class StaysInTheStream(TableStream):
    """Continues behind the rows that lie at our offset."""

    def _leave(self) -> None:
        stream, _ = self.position
        held = self._client._bigquery.streams[stream]
        if stream in self._client._bigquery.removed:
            super()._leave()
        else:
            self.position = Position(stream, len(held))


class FlushesWhatItLeaves(TableStream):
    """Makes all of a stream visible when it leaves it."""

    def _leave(self) -> None:
        stream, _ = self.position
        if stream not in self._client._bigquery.removed:
            held = self._client._bigquery.streams[stream]
            self.position = Position(stream, len(held))
        super()._leave()


def _faults(name: str, **without: object) -> tuple[int, int]:
    twice = lost = 0
    for seed in _CONTROL_SEEDS:
        try:
            bad = wrong(seed, name, **without)
        except CannotWrite:
            continue  # it is to flush more than there is
        twice += sum(count > 1 for count in bad.values())
        lost += sum(count == 0 for count in bad.values())
    return twice, lost


def test_control_flushing_before_the_checkpoint_counts_rows_twice(monkeypatch) -> None:
    # Nothing may stop it: a stream of which rows are to be flushed is not removed.
    monkeypatch.setattr(Job, "_end_a_stream", lambda job: None)
    twice, _ = _faults("early", flush_at_once=True)
    assert twice > 0


def test_control_taking_existing_rows_for_ours_loses_some_and_counts_others_twice() -> None:
    twice, lost = _faults("existing", stream_type=TakesExistingForSuccess)
    assert twice > 0
    assert lost > 0


@pytest.mark.parametrize("kind", [StaysInTheStream, FlushesWhatItLeaves])
def test_control_showing_what_lies_behind_our_offset_counts_rows_twice(kind) -> None:
    twice, _ = _faults(kind.__name__, stream_type=kind)
    assert twice > 0

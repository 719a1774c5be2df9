"""The pool ends the worker it was asked to end."""

import sys
from typing import ClassVar

import pytest
from apache_beam.portability.api import beam_fn_api_pb2

from templates.flink import worker_pool
from templates.flink.worker_pool import WorkerPool


class Process:
    """A worker that lives until it is told to end."""

    started: ClassVar[list["Process"]] = []

    def __init__(self, command, env, stdin) -> None:
        self.command, self.env, self.alive, self.pid = command, env, True, len(Process.started)
        Process.started.append(self)

    def poll(self) -> int | None:
        return None if self.alive else 0

    def terminate(self) -> None:
        self.alive = False

    def wait(self, timeout: float | None = None) -> None:
        return


class Connection:
    def __init__(self, peer: str) -> None:
        self.peer = lambda: peer


@pytest.fixture
def pool(monkeypatch) -> WorkerPool:
    Process.started = []
    monkeypatch.setattr(worker_pool.subprocess, "Popen", Process)
    monkeypatch.setattr(WorkerPool, "_environment", lambda self, request: {"WORKER_ID": "w"})
    return WorkerPool("/scratch")


START = beam_fn_api_pb2.StartWorkerRequest(worker_id="1-1")
STOP = beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1")


def test_two_taskmanagers_may_use_the_same_worker_id(pool) -> None:
    """Beam's own pool fails this: the end of one TaskManager's worker kills the other's."""
    first, second = Connection("ipv4:127.0.0.1:1"), Connection("ipv4:127.0.0.1:2")
    pool.StartWorker(START, first)
    pool.StartWorker(START, second)

    pool.StopWorker(STOP, first)

    assert [process.alive for process in Process.started] == [False, True]


def test_unknown_worker_is_left_to_end_by_itself(pool) -> None:
    pool.StartWorker(START, Connection("ipv4:127.0.0.1:1"))

    pool.StopWorker(STOP, Connection("ipv4:127.0.0.1:2"))

    assert Process.started[0].alive


def test_worker_runs_this_very_python(pool) -> None:
    answer = pool.StartWorker(START, Connection("ipv4:127.0.0.1:1"))

    assert not answer.error
    assert sys.executable in Process.started[0].command


def test_failure_to_start_reaches_the_one_who_asked(pool, monkeypatch) -> None:
    def fail(*arguments, **options) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(worker_pool.subprocess, "Popen", fail)

    answer = pool.StartWorker(START, Connection("ipv4:127.0.0.1:1"))

    assert "no more processes" in answer.error

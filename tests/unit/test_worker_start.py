"""A worker that ends before it reports is started again: with real processes and connections."""

from __future__ import annotations

import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path

import grpc
import psutil
import pytest
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)

from templates.flink import worker_pool, worker_start
from templates.flink.worker_pool import WorkerPool

WAIT_SEC = 30
# Reports as Beam's worker does, by a connection, unless one of its first starts is to fail.
WORKER = """
import os, pathlib, re, socket, sys, time
folder = pathlib.Path(os.environ["SEMI_PERSISTENT_DIRECTORY"])
with (folder / "starts").open("a") as starts:
    starts.write(os.environ["WORKER_ID"] + "\\n")
started = len((folder / "starts").read_text().splitlines())
if started <= int((folder / "fail").read_text()):
    sys.exit(3)
if started <= int((folder / "hang").read_text()):
    time.sleep(600)
[port] = re.findall(r":(\\d+)", os.environ["CONTROL_API_SERVICE_DESCRIPTOR"])
connection = socket.create_connection(("127.0.0.1", int(port)))
time.sleep(600)
"""


class Connection:
    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"


class Provision(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    def GetProvisionInfo(self, request, context):
        return beam_provision_api_pb2.GetProvisionInfoResponse()


class TaskManager:
    """What a TaskManager offers to a pool and to workers."""

    def __init__(self, pool: WorkerPool, folder: Path) -> None:
        self.pool, self.folder = pool, folder
        self.control = socket.create_server(("127.0.0.1", 0))
        self.reports: list[socket.socket] = []
        self.provision = grpc.server(futures.ThreadPoolExecutor(1))
        beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(
            Provision(), self.provision
        )
        port = self.provision.add_insecure_port("127.0.0.1:0")
        self.provision.start()
        self._request = beam_fn_api_pb2.StartWorkerRequest(
            worker_id="1-1",
            control_endpoint=_at(self.control.getsockname()[1]),
            provision_endpoint=_at(port),
        )

    def asks_for_a_worker(self, failing: int = 0, hanging: int = 0) -> None:
        (self.folder / "fail").write_text(str(failing))
        (self.folder / "hang").write_text(str(hanging))
        assert not self.pool.StartWorker(self._request, Connection()).error

    def starts(self) -> list[str]:
        file = self.folder / "starts"
        return file.read_text().splitlines() if file.exists() else []

    def has_worker(self) -> bool:
        self.control.settimeout(0.001)
        try:
            self.reports.append(self.control.accept()[0])
        except TimeoutError:
            return False
        return True


def _at(port: int) -> endpoints_pb2.ApiServiceDescriptor:
    return endpoints_pb2.ApiServiceDescriptor(url=f"127.0.0.1:{port}")


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskManager]:
    monkeypatch.setattr(worker_pool, "_WORKER", WORKER)
    monkeypatch.setattr(worker_start, "PAUSES_SEC", (0.0, 0.01, 0.02))
    found = TaskManager(WorkerPool(str(tmp_path)), tmp_path)
    yield found
    found.provision.stop(0)
    for each in (found.control, *found.reports):
        each.close()
    for child in psutil.Process().children():
        if WORKER in child.cmdline():
            child.kill()
            child.wait(WAIT_SEC)


def looks_until(manager: TaskManager, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SEC
    while not holds():
        assert time.monotonic() < deadline, manager.starts()
        manager.pool.look()
        time.sleep(0.01)


def worker_of(manager: TaskManager) -> psutil.Process:
    [worker] = [child for child in psutil.Process().children() if WORKER in child.cmdline()]
    return worker


def test_worker_that_is_killed_while_it_starts_is_started_again(manager: TaskManager) -> None:
    manager.asks_for_a_worker(hanging=1)
    looks_until(manager, lambda: len(manager.starts()) == 1)

    worker_of(manager).send_signal(signal.SIGKILL)

    looks_until(manager, manager.has_worker)
    assert manager.starts() == ["1-1", "1-1"]


def test_worker_that_fails_twice_reports_at_the_third_start(manager: TaskManager) -> None:
    manager.asks_for_a_worker(failing=2)

    looks_until(manager, manager.has_worker)
    assert len(manager.starts()) == 3


def test_worker_that_fails_every_time_is_told_and_left(
    manager: TaskManager, caplog: pytest.LogCaptureFixture
) -> None:
    manager.asks_for_a_worker(failing=99)

    looks_until(manager, lambda: "not started again" in caplog.text)
    [told] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert "worker 1-1 " in told.getMessage()
    assert "ended with 3 before it reported, as the 3 before it; not started" in told.getMessage()
    manager.pool.look()
    assert len(manager.starts()) == 4


def test_control_worker_that_has_reported_is_left_to_its_task_manager(manager: TaskManager) -> None:
    manager.asks_for_a_worker()
    looks_until(manager, manager.has_worker)
    manager.pool.look()  # sees the connection

    worker = worker_of(manager)
    worker.kill()
    worker.wait(WAIT_SEC)

    for _ in range(10):
        manager.pool.look()
    assert manager.starts() == ["1-1"]


def test_worker_that_is_stopped_is_not_started_again(manager: TaskManager) -> None:
    manager.asks_for_a_worker(hanging=1)
    looks_until(manager, lambda: len(manager.starts()) == 1)

    manager.pool.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="1-1"), Connection())

    manager.pool.look()
    assert not [each for each in psutil.Process().children() if WORKER in each.cmdline()]


def test_worker_that_nobody_waits_for_is_not_started_again(
    manager: TaskManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    manager.asks_for_a_worker(failing=99)
    manager.provision.stop(0).wait()

    looks_until(manager, lambda: "nobody waits for it" in caplog.text)
    assert len(manager.starts()) == 1

"""The watchdog kills TaskManagers that hang, and leaves the others alone."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from templates.flink.hung_tasks import Judge
from templates.flink.watchdog import Pod


def test_only_the_task_manager_that_waits_too_long_is_killed() -> None:
    waiting = {"taskmanager-1": 61.0, "taskmanager-2": 59.0}

    assert Judge(60).hung(waiting, all_running=False) == {"taskmanager-1"}


def test_patience_doubles_until_the_job_runs() -> None:
    judge = Judge(60)
    judge.hung({"taskmanager-1": 61.0}, all_running=False)

    assert not judge.hung({"taskmanager-1": 119.0}, all_running=False)
    assert judge.hung({"taskmanager-1": 121.0}, all_running=False)
    assert not judge.hung({"taskmanager-1": 239.0}, all_running=False)

    judge.hung({}, all_running=True)
    assert judge.hung({"taskmanager-1": 61.0}, all_running=False)


class TaskManagers:
    """What Flink says of its TaskManagers, and nothing else."""

    def __init__(self) -> None:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(TASK_MANAGERS).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


TASK_MANAGERS = {
    "taskmanagers": [
        {"id": "ours", "path": "pekko.tcp://flink@10.1.2.3:6122/user/rpc/taskmanager_0"},
        {"id": "theirs", "path": "pekko.tcp://flink@10.1.2.30:6122/user/rpc/taskmanager_0"},
    ]
}


@pytest.fixture
def task_manager(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that a list of processes of our own takes for a TaskManager; and one that is none.

    Never the machine's own list: a sandbox may be running.
    """
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with subprocess.Popen(sleep) as process:
        for pid, runner in ((process.pid, "TaskManagerRunner"), (os.getpid(), "Other")):
            command = tmp_path / str(pid) / "cmdline"
            command.parent.mkdir()
            name = f"org.apache.flink.runtime.taskexecutor.{runner}"
            command.write_bytes(f"/java/bin/java\0-Xmx1g\0{name}\0".encode())
        yield process
        process.kill()


def test_pod_ends_its_own_task_manager(
    task_manager: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    Pod(TaskManagers().address, "10.1.2.3", tmp_path).kill("ours")

    assert task_manager.wait(30) == -signal.SIGKILL


def test_pod_leaves_the_others_alone(task_manager: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """Not even one whose address begins with ours, nor when Flink does not answer."""
    Pod(TaskManagers().address, "10.1.2.3", tmp_path).kill("theirs")
    Pod("127.0.0.1:1", "10.1.2.3", tmp_path).kill("ours")

    assert task_manager.poll() is None

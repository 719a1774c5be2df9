"""Which faults are there? Each acts on a job under load and returns when it has been done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from harness.faults.scene import Scene

# Longer than Flink's heartbeat timeout of 8 s (templates/flink/config.yaml): the job has moved on
# when the frozen process comes back.
_FROZEN_SEC = 20
_LOSING_ANSWERS_SEC = 15


class Fault(NamedTuple):
    """One thing that goes wrong."""

    name: str
    meaning: str
    inject: Callable[[Scene], None]


def _kill(*components: str) -> Callable[[Scene], None]:
    return lambda scene: scene.kill(*components)


def _zombie(scene: Scene) -> None:
    with scene.frozen(scene.rng.choice(("taskmanager-1", "taskmanager-2"))):
        time.sleep(_FROZEN_SEC)  # this wait is the fault itself


def _losing(**every: int) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        with scene.bigquery_faults(**every):
            time.sleep(_LOSING_ANSWERS_SEC)  # this wait is the fault itself

    return inject


def _in_checkpoint(scene: Scene) -> None:
    scene.wait_for_checkpoint_under_way()
    scene.kill("taskmanager-1")


def _in_recovery(scene: Scene) -> None:
    scene.kill("taskmanager-1")
    scene.wait_until_restarting()
    scene.kill("taskmanager-2")


FAULTS = (
    Fault("taskmanager-1", "SIGKILL of one half of the workers", _kill("taskmanager-1")),
    Fault("taskmanager-2", "SIGKILL of the other half", _kill("taskmanager-2")),
    Fault("taskmanagers", "SIGKILL of both at once", _kill("taskmanager-1", "taskmanager-2")),
    Fault("jobmanager", "SIGKILL; it resumes its job by itself (ZooKeeper)", _kill("jobmanager")),
    Fault("python-worker", "SIGKILL of one Python worker", Scene.kill_python_worker),
    Fault("java-worker", "SIGKILL of the Java workers", _kill("expansion")),
    Fault("job-server", "SIGKILL; a running job does not need it", _kill("job-server")),
    Fault("broker", "SIGKILL of Kafka, started again", _kill("kafka")),
    Fault("bigquery", "SIGKILL of the BigQuery stand-in, started again", _kill("bigquery")),
    Fault("zombie", "a TaskManager frozen for 20 s comes back when its job has moved on", _zombie),
    Fault(
        "lost-appends",
        "every third append is applied and its answer lost",
        _losing(drop_after_append_every=3),
    ),
    Fault(
        "lost-flushes",
        "every second flush is applied and its answer lost",
        _losing(drop_after_flush_every=2),
    ),
    Fault("in-checkpoint", "SIGKILL while a checkpoint is under way", _in_checkpoint),
    Fault("in-recovery", "SIGKILL of the second TaskManager while recovering", _in_recovery),
)

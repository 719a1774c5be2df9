"""What people do with launches and topics while a job works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.structs import TopicPartition

from harness.errors import HarnessError
from harness.faults.pace import MIX
from harness.faults.scene import START_SEC, Scene
from harness.rehearsal import PARTITIONS, Rehearsal
from sandbox import ports
from sandbox.component import TASK_MANAGERS

_COUNTED_SEC = 120
_SENT_SEC = 60


def start_second_job(scene: Scene) -> None:
    """Launches onto the same tables in each way that people do; every one must be refused."""
    rehearsal = scene.stage.rehearsal
    folder = Path(rehearsal.endpoints["checkpoints"]) / scene.stage.job
    for flags in ([], [f"--resume={folder}"], [f"--start_from_tables={rehearsal.folder}"]):
        said = rehearsal.refused(flags)
        if "are held by run" not in said:
            raise HarnessError(f"refused for another reason than its tables: {said}")
        scene.stage.say(f"second launch {' '.join(flags) or 'as the first'}: refused")


def take_over(scene: Scene) -> None:
    """Launches another job that takes the tables, from one that nobody stops."""
    stage, flink = scene.stage, scene.stage.rehearsal.flink
    before = stage.job
    folder = Path(stage.rehearsal.endpoints["checkpoints"]) / before
    nobody = f"--flink={ports.HOST}:1"  # or the launch would cancel it
    flags = ["--take_over", f"--resume={folder}", nobody]
    stage.job = stage.rehearsal.submit_to_flink(flags, timeout_sec=START_SEC)
    scene.wait(
        "the run that was taken over has noticed and ended",
        lambda: flink.jobs()[before] == "FAILED" and "ClaimLost" in flink.newest_failure(before),
    )
    stage.say(f"job {before} has noticed that {stage.job} took over, and ended")


def recreate_topic(scene: Scene) -> None:
    """Deletes a topic and makes it anew, with more records than the job has read of the first."""
    with _job_of_its_own(scene, "recreated") as (rehearsal, job):
        flink = rehearsal.flink
        admin = KafkaAdminClient(bootstrap_servers=rehearsal.endpoints["kafka"])
        admin.delete_topics([rehearsal.topic])
        scene.wait("the topic is gone", lambda: rehearsal.topic not in admin.list_topics())
        admin.close()
        rehearsal.create_topic()
        _send(rehearsal, scene.seed + 1, ".2", 5_000)
        scene.wait("the job has ended", lambda: flink.jobs()[job] == "FAILED")
        if "TopicRemade" not in (failure := flink.newest_failure(job)):
            raise HarnessError(f"the job ended for another reason than its topic: {failure}")
        scene.stage.say(f"job {job} has noticed that its topic is another one, and ended")
        said = rehearsal.refused([f"--start_from_tables={rehearsal.folder}"])
        if "is another one than the tables were counted from" not in said:
            raise HarnessError(f"refused for another reason than its topic: {said}")


def expire_what_is_counted(scene: Scene) -> None:
    """Has retention remove every record that is counted, and kills who has read them."""
    with _job_of_its_own(scene, "retention") as (rehearsal, job):
        rehearsal.flink.wait_for_checkpoint(job, START_SEC)
        pairs = [TopicPartition(rehearsal.topic, number) for number in range(PARTITIONS)]
        consumer = KafkaConsumer(bootstrap_servers=rehearsal.endpoints["kafka"])
        ends = consumer.end_offsets(pairs)
        consumer.close()
        admin = KafkaAdminClient(bootstrap_servers=rehearsal.endpoints["kafka"])
        admin.delete_records(ends)
        admin.close()
        scene.kill(*TASK_MANAGERS)
        _send(rehearsal, scene.seed + 1, ".2", 2_000)
        _require_balance(rehearsal)


@contextmanager
def _job_of_its_own(scene: Scene, name: str) -> Iterator[tuple[Rehearsal, str]]:
    """Gives a job that has counted a topic of its own; what is done to it harms no other."""
    stage = scene.stage
    rehearsal = Rehearsal(
        f"{name}_{scene.seed}_{time.strftime('%H%M%S')}",
        stage.rehearsal.endpoints,
        stage.rehearsal.folder,
    )
    rehearsal.prepare()
    job = rehearsal.submit_to_flink(timeout_sec=START_SEC)
    try:
        _send(rehearsal, scene.seed, "", 2_000)
        _require_balance(rehearsal)
        yield rehearsal, job
    finally:
        rehearsal.flink.cancel(job)


def _send(rehearsal: Rehearsal, seed: int, part: str, count: int) -> None:
    flags = [*MIX, "--rate_per_sec=0", f"--count={count}", f"--seed={seed}"]
    rehearsal.simulate(flags, part=part).wait(_SENT_SEC)


def _require_balance(rehearsal: Rehearsal) -> None:
    report = rehearsal.reconcile(_COUNTED_SEC, by_ledger=False)
    if not report.balanced:
        raise HarnessError(f"{rehearsal.name}: {report.text()}")

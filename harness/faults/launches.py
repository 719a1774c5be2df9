"""Faults that people cause with launches and topics while a job works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.structs import TopicPartition

from harness.e2e_run import PARTITIONS, E2ERun
from harness.errors import HarnessError
from harness.faults import contracts
from harness.faults.fault_context import START_SEC, FaultContext
from harness.faults.pace import MIX
from sandbox.component import TASK_MANAGERS
from templates.flink import loopback

_COUNTED_SEC = 120
_SENT_SEC = 60
# How far producers' times may be behind the broker's clock, and ahead of it. Together less than a
# backlog of the slowest clock is old when it is read: a watermark that went by the clock meanwhile
# would be ahead of it.
_BOUNDS_MS = (40_000, 10_000)
_SLOW_CLOCK_SEC = -25
_BACKLOG_SEC = sum(_BOUNDS_MS) / 1_000 + _SLOW_CLOCK_SEC


def start_second_job(context: FaultContext) -> None:
    """Launches onto the same tables in each way that people do; every one must be refused."""
    e2e_run = context.stage.e2e_run
    folder = Path(e2e_run.endpoints["checkpoints"]) / context.stage.job
    for flags in ([], [f"--resume={folder}"], [f"--start_from_tables={e2e_run.folder}"]):
        said = e2e_run.refused(flags)
        if "are held by run" not in said:
            raise HarnessError(f"refused for another reason than its tables: {said}")
        context.stage.say(f"second launch {' '.join(flags) or 'as the first'}: refused")


def take_over(context: FaultContext) -> None:
    """Launches another job that takes the tables, from one that nobody stops."""
    stage, flink = context.stage, context.stage.e2e_run.flink
    before = stage.job
    folder = Path(stage.e2e_run.endpoints["checkpoints"]) / before
    nobody = f"--flink={loopback.HOST}:1"  # or the launch would cancel it
    flags = ["--take_over", f"--resume={folder}", nobody]
    stage.job = stage.e2e_run.submit_to_flink(flags, timeout_sec=START_SEC)
    context.wait(
        "the run that was taken over has noticed and ended",
        lambda: flink.jobs()[before] == "FAILED" and "ClaimLost" in flink.newest_failure(before),
    )
    stage.say(f"job {before} has noticed that {stage.job} took over, and ended")


def recreate_topic(context: FaultContext) -> None:
    """Deletes a topic and makes it anew, with more records than the job has read of the first."""
    with _job_of_its_own(context, "recreated") as (e2e_run, job):
        flink = e2e_run.flink
        admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
        admin.delete_topics([e2e_run.topic])
        context.wait("the topic is gone", lambda: e2e_run.topic not in admin.list_topics())
        admin.close()
        e2e_run.create_topic()
        _send(e2e_run, context.seed + 1, ".2", 5_000)
        # Its reader may fail first, out of the new topic's range. Flink tells how a job has ended
        # up to three seconds before it tells why (web.refresh-interval).
        context.wait(
            "the job has ended because of its topic",
            lambda: flink.jobs()[job] == "FAILED" and "TopicRemade" in flink.newest_failure(job),
        )
        context.stage.say(f"job {job} has noticed that its topic is another one, and ended")
        said = e2e_run.refused([f"--start_from_tables={e2e_run.folder}"])
        if "is another one than the tables were counted from" not in said:
            raise HarnessError(f"refused for another reason than its topic: {said}")


def expire_what_is_counted(context: FaultContext) -> None:
    """Has retention remove every record that is counted, and kills who has read them."""
    with _job_of_its_own(context, "retention") as (e2e_run, job):
        e2e_run.flink.wait_for_checkpoint(job, START_SEC)
        pairs = [TopicPartition(e2e_run.topic, number) for number in range(PARTITIONS)]
        consumer = KafkaConsumer(bootstrap_servers=e2e_run.endpoints["kafka"])
        ends = consumer.end_offsets(pairs)
        consumer.close()
        admin = KafkaAdminClient(bootstrap_servers=e2e_run.endpoints["kafka"])
        admin.delete_records(ends)
        admin.close()
        context.kill(*TASK_MANAGERS)
        _send(e2e_run, context.seed + 1, ".2", 2_000)
        _require_balance(context, e2e_run, by_ledger=False)  # it knows what Kafka has no longer


def kill_beside_producers_times(context: FaultContext) -> None:
    """Kills who reads a topic that has its producers' times; a backlog is there when it returns.

    Its senders' clocks differ, so that in each partition times go back and forth.
    """
    with _job_of_its_own(context, "bounded", _BOUNDS_MS) as (e2e_run, job):
        e2e_run.flink.wait_for_checkpoint(job, START_SEC)
        context.kill(*TASK_MANAGERS, restart=False)
        _send(e2e_run, context.seed + 1, ".1", 2_000, _SLOW_CLOCK_SEC)
        until = time.monotonic() + _BACKLOG_SEC
        _send(e2e_run, context.seed + 2, ".2", 2_000, off_sec=4)
        _send(e2e_run, context.seed + 3, ".3", 1_000)
        time.sleep(max(0.0, until - time.monotonic()))  # this wait is the fault itself
        context.start(*TASK_MANAGERS)
        flink = e2e_run.flink
        context.wait("every task runs again", lambda: flink.all_tasks_running(job))
        context.kill(*TASK_MANAGERS)  # in the midst of the backlog, or behind it
        _send(e2e_run, context.seed + 4, ".4", 2_000)
        _require_balance(context, e2e_run)


@contextmanager
def _job_of_its_own(
    context: FaultContext, name: str, bounds_ms: tuple[int, int] | None = None
) -> Iterator[tuple[E2ERun, str]]:
    """Gives a job that has counted a topic of its own; what is done to it harms no other."""
    stage = context.stage
    e2e_run = E2ERun(
        f"{name}_{context.seed}_{time.strftime('%H%M%S')}",
        stage.e2e_run.endpoints,
        stage.e2e_run.folder,
        bounds_ms=bounds_ms,
    )
    e2e_run = contracts.prepared(e2e_run, stage.sandbox, stage.contracts.own)
    job = e2e_run.submit_to_flink(timeout_sec=START_SEC)
    try:
        _send(e2e_run, context.seed, "", 2_000)
        _require_balance(context, e2e_run)
        yield e2e_run, job
    finally:
        e2e_run.flink.cancel(job)


def _send(e2e_run: E2ERun, seed: int, part: str, count: int, off_sec: int = 0) -> None:
    flags = [*MIX, "--rate_per_sec=0", f"--count={count}", f"--seed={seed}"]
    if off_sec:
        flags.append(f"--clock_off_sec={off_sec}")
    e2e_run.simulate(flags, part=part).wait(_SENT_SEC)


def _require_balance(context: FaultContext, e2e_run: E2ERun, by_ledger: bool = True) -> None:
    report = e2e_run.reconcile(_COUNTED_SEC, by_ledger=by_ledger)
    if not report.balanced:
        raise HarnessError(f"{e2e_run.name}: {report.text()}")
    context.stage.skipped.add(e2e_run, report)

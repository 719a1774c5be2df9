"""The catalogue of faults: each acts on a job under load and returns when it is over."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import NamedTuple

from harness.faults import launches, registry_stop
from harness.faults.fault_context import FaultContext
from harness.faults.pace import RATE_PER_SEC, Pace, traffic
from sandbox.component import TASK_MANAGERS

# Young enough that the simulator takes it for the moment of sending, whenever it is sent again.
_RETRIED_SEC = 6
# From a checkpoint's completion until tasks have heard of it and asked for their flushes; these
# wait for longer (flush_delay_ms), so that the kill comes before any is answered.
_FLUSHES_ASKED_FOR_SEC = 1.0
_AWAY_SEC = 5.0
_TRANSACTIONS_SEC = 8
_TRANSACTIONS = ("--transaction_records=20", "--abort_ratio=0.3")


class Fault(NamedTuple):
    """One thing that goes wrong.

    Attributes:
        inject: does it, and returns when it is over.
        touches: what it acts on; faults that touch the same are not injected together.
        lasts: for how long, in seconds, payments must continue for it besides the usual load.
        alone: whether it is never mixed with another.
        young_job: whether it needs a job of its own, which takes no checkpoint by itself.
    """

    name: str
    meaning: str
    inject: Callable[[FaultContext], None]
    touches: tuple[str, ...] = ()
    lasts: Callable[[Pace], float] = lambda pace: 0
    alone: bool = False
    young_job: bool = False


def _killing(name: str, meaning: str, *components: str) -> Fault:
    return Fault(name, meaning, lambda context: context.kill(*components), components)


def _killing_working(name: str, meaning: str) -> Fault:
    return Fault(name, meaning, lambda context: context.kill(context.working(name)), TASK_MANAGERS)


def _spoiling(name: str, meaning: str, **asked: int) -> Fault:
    def inject(context: FaultContext) -> None:
        with context.bigquery_faults(**asked):
            time.sleep(context.pace.spoiled)  # this wait is the fault itself

    return Fault(name, meaning, inject, ("answers",), lambda pace: pace.spoiled)


def _unavailable(context: FaultContext) -> None:
    with context.bigquery_faults(unavailable=True):
        time.sleep(context.pace.unavailable)  # this wait is the fault itself


def _zombie(context: FaultContext) -> None:
    with context.frozen(context.working(context.rng.choice(TASK_MANAGERS))):
        time.sleep(context.pace.frozen)  # this wait is the fault itself


def _in_checkpoint(context: FaultContext) -> None:
    context.kill_in_checkpoint("taskmanager-1")


def _before_flush(context: FaultContext) -> None:
    # The first flushes have been asked for when their task is killed, and come true without it.
    with context.bigquery_faults(flush_delay_ms=4_000):
        context.wait_for_completed_checkpoint()
        context.kill(*TASK_MANAGERS)


def _after_recovery(context: FaultContext) -> None:
    # The first checkpoint after a restore finds an older one still unconfirmed. While BigQuery is
    # away it cannot complete; sinks that are through with it continue to append until it is.
    context.kill(*TASK_MANAGERS)
    context.wait_until_restarting()
    with context.bigquery_faults(unavailable=True):
        context.wait_until_running()
        context.wait_for_checkpoint_under_way()
        time.sleep(_AWAY_SEC)
    with context.bigquery_faults(flush_delay_ms=4_000):
        context.wait_for_completed_checkpoint()
        time.sleep(_FLUSHES_ASKED_FOR_SEC)
        context.kill(*TASK_MANAGERS)


def _in_recovery(context: FaultContext) -> None:
    first = context.working("taskmanager-1")
    [second] = set(TASK_MANAGERS) - {first}
    context.kill(first)
    context.wait_until_restarting()
    context.kill(second)


def _before_first_checkpoint(context: FaultContext) -> None:
    for _ in range(3):
        context.kill_before_any_checkpoint()
    context.checkpoint_from_now_on()


def _simulator(context: FaultContext) -> None:
    now = dt.datetime.now(dt.UTC).isoformat()
    # With a fixed start the same payments are sent again byte for byte, as a gateway retries them.
    flags = [*traffic(context.seed, _RETRIED_SEC), f"--start_time={now}"]
    sender = context.send(flags, ".killed", to_be_killed=True)
    time.sleep(context.rng.uniform(0.4, 0.8) * _RETRIED_SEC)
    sender.process.kill()
    sender.process.wait()
    context.stage.say(f"SIGKILL simulator (process {sender.process.pid}); the same again")
    context.send(flags).wait(120)


def _transactional(context: FaultContext, *flags: str) -> None:
    sender = context.send([*traffic(context.seed, _TRANSACTIONS_SEC), *_TRANSACTIONS, *flags])
    time.sleep(context.rng.uniform(0.3, 0.7) * _TRANSACTIONS_SEC)
    context.kill(context.working(context.rng.choice(TASK_MANAGERS)))
    sender.wait(120)
    context.wait_for_watermark_beyond(time.time())


def _open_transaction(context: FaultContext) -> None:
    _transactional(context, f"--open_transaction_sec={2 * _TRANSACTIONS_SEC}")


def _outage(context: FaultContext) -> None:
    context.kill(*TASK_MANAGERS, restart=False)
    context.send(traffic(context.seed, context.pace.outage, 500 - RATE_PER_SEC))
    time.sleep(context.pace.outage)  # this wait is the fault itself
    context.start(*TASK_MANAGERS)


FAULTS = (
    Fault(
        "first-checkpoint",
        "SIGKILL of both TaskManagers, three times before a new job's first checkpoint",
        _before_first_checkpoint,
        alone=True,
        young_job=True,
    ),
    _killing_working("taskmanager-1", "SIGKILL of one half of the workers"),
    _killing_working("taskmanager-2", "SIGKILL of the other half"),
    _killing("taskmanagers", "SIGKILL of both at once", *TASK_MANAGERS),
    _killing("jobmanager", "SIGKILL; it resumes its job by itself (ZooKeeper)", "jobmanager"),
    Fault(
        "python-worker",
        "SIGKILL of one Python worker",
        FaultContext.kill_python_worker,
        ("python-workers",),
    ),
    Fault(
        "worker-start",
        "SIGKILL of a Python worker, and of one that follows before its TaskManager hears of it",
        FaultContext.kill_starting_python_worker,
        ("python-workers",),
    ),
    _killing("java-worker", "SIGKILL of the Java workers", "expansion"),
    _killing("job-server", "SIGKILL; a running job does not need it", "job-server"),
    _killing("broker", "SIGKILL of Kafka, started again", "kafka"),
    _killing("bigquery", "SIGKILL of the BigQuery stand-in, started again", "bigquery"),
    Fault(
        "simulator",
        "SIGKILL of a sender amid its payments; it sends the same again",
        _simulator,
        lasts=lambda pace: 2 * _RETRIED_SEC,
    ),
    Fault(
        "transactional",
        "SIGKILL of a TaskManager amid transactions, some of them aborted; the watermark goes on",
        _transactional,
        TASK_MANAGERS,
        lambda pace: _TRANSACTIONS_SEC,
    ),
    Fault(
        "open-transaction",
        "the same beside a transaction that stays open; the watermark goes on when it ends",
        _open_transaction,
        TASK_MANAGERS,
        lambda pace: 2 * _TRANSACTIONS_SEC,
    ),
    Fault(
        "zombie",
        "a TaskManager frozen for longer than its heartbeat comes back when its job has moved on",
        _zombie,
        TASK_MANAGERS,
        lambda pace: pace.frozen,
    ),
    _spoiling(
        "lost-appends", "every third append is applied, its answer lost", drop_after_append_every=3
    ),
    _spoiling(
        "lost-flushes", "every second flush is applied, its answer lost", drop_after_flush_every=2
    ),
    Fault(
        "unavailable",
        "BigQuery's write API is UNAVAILABLE, for a minute",
        _unavailable,
        ("answers",),
        lambda pace: pace.unavailable,
    ),
    _spoiling("slow", "every append takes two seconds longer", append_delay_ms=2_000),
    _spoiling(
        "not-found", "every fifth append: stream not found, though it is", append_not_found_every=5
    ),
    _spoiling(
        "quota", "every third append is refused: RESOURCE_EXHAUSTED", append_exhausted_every=3
    ),
    _spoiling(
        "offsets",
        "every fifth append is told that its offset is taken, every second new stream a quota",
        append_offset_taken_every=5,
        create_exhausted_every=2,
    ),
    _spoiling(
        "deadlines",
        "every ninth append is never answered, every fourth too late; every second flush refused",
        append_hangs_every=9,
        append_deadline_every=4,
        flush_unavailable_every=2,
    ),
    Fault(
        "in-checkpoint",
        "SIGKILL while a checkpoint is under way",
        _in_checkpoint,
        TASK_MANAGERS,
    ),
    Fault(
        "before-flush",
        "SIGKILL of both TaskManagers when a checkpoint is complete and its rows are not flushed",
        _before_flush,
        TASK_MANAGERS,
    ),
    Fault(
        "after-recovery",
        "SIGKILL of both TaskManagers, and again at the first checkpoint after it",
        _after_recovery,
        (*TASK_MANAGERS, "answers"),
        lambda pace: 40,
    ),
    Fault(
        "in-recovery",
        "SIGKILL of the second TaskManager while recovering",
        _in_recovery,
        TASK_MANAGERS,
    ),
    Fault(
        "outage",
        "no TaskManager for five minutes while 500 payments/s come in",
        _outage,
        lasts=lambda pace: pace.outage,
        alone=True,
    ),
    Fault(
        "double-start",
        "the job is launched again onto its tables, in three ways; each is refused",
        launches.start_second_job,
        ("launch",),
    ),
    Fault(
        "take-over",
        "another launch takes the tables from a job that goes on running",
        launches.take_over,
        alone=True,
    ),
    Fault(
        "recreated-topic",
        "a topic is deleted and made anew; its job stops, and its tables take no other",
        launches.recreate_topic,
        alone=True,
    ),
    Fault(
        "retention",
        "retention removes all that a job of its own has counted; its TaskManagers are killed",
        launches.expire_what_is_counted,
        alone=True,
    ),
    Fault(
        "bounded-arrival",
        "SIGKILL of both TaskManagers, twice, of a job that goes by its producers' times",
        launches.kill_beside_producers_times,
        alone=True,
    ),
    Fault(
        "registry-stop",
        "SIGKILL of a schema registry beneath a job of its own: it comes back in time, then late",
        registry_stop.stop_registry,
        alone=True,
    ),
    Fault(
        "power-cut",
        "SIGKILL of everything at once, started from disk, the job resumed with --resume",
        FaultContext.cut_power,
        alone=True,
    ),
)

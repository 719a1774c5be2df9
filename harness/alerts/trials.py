"""The faults and scenarios that provoke alerts. Those that need days are promtool's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.alerts.stage import AlertStage
from operations import bigquery_client
from operations.health.flink_side import job_health
from sandbox.component import TASK_MANAGERS
from templates.flink.loopback import HOST

# A minute's limit, the fast wait, a job that restarts, and a machine with other work.
FIRE_SEC = 240.0
# The page's reconciliation leaves out the last three minutes.
_CHECKED_SEC = 270.0
Act = Callable[[AlertStage], contextlib.AbstractContextManager[None]]


class Trial(NamedTuple):
    """One fault or scenario.

    Attributes:
        alerts: must arrive, and must resolve when the fault is over.
        beside: critical ones that the same fault may cause too.
        from_the_start: whether the stage begins with the fault.
        fire_sec: for so long its alerts are waited for.
    """

    name: str
    fault: str
    act: Act
    alerts: tuple[str, ...]
    beside: tuple[str, ...] = ()
    from_the_start: bool = False
    fire_sec: float = FIRE_SEC


def _sending(name: str, fault: str, alerts: tuple[str, ...], *flags: str) -> Trial:
    @contextlib.contextmanager
    def act(stage: AlertStage) -> Iterator[None]:
        sender = stage.send([*flags, "--duration_sec=600"])
        try:
            yield
        finally:
            sender.stop()

    return Trial(name, fault, act, alerts)


@contextlib.contextmanager
def _never_reconciled(stage: AlertStage) -> Iterator[None]:
    yield
    stage.reconcile(0)
    stage.start_usual()


@contextlib.contextmanager
def _one_conflict(stage: AlertStage) -> Iterator[None]:
    stage.send(["--count=400", "--rate_per_sec=100", "--conflict_ratio=0.01"]).wait(60)
    yield


@contextlib.contextmanager
def _bigquery_away(stage: AlertStage) -> Iterator[None]:
    with stage.context.bigquery_faults(unavailable=True):
        sender = stage.send(["--rate_per_sec=450", "--duration_sec=600"])
        try:
            yield
        finally:
            sender.stop()


@contextlib.contextmanager
def _no_task_managers(stage: AlertStage) -> Iterator[None]:
    stage.context.kill(*TASK_MANAGERS, restart=False)
    try:
        yield
    finally:
        stage.context.start(*TASK_MANAGERS)


@contextlib.contextmanager
def _crash_loop(stage: AlertStage) -> Iterator[None]:
    for _ in range(2):
        stage.context.wait_until_running()
        stage.context.kill_python_worker()
        stage.context.wait_until_restarting()
    yield


@contextlib.contextmanager
def _silence(stage: AlertStage) -> Iterator[None]:
    stage.stop_usual()
    try:
        yield
    finally:
        stage.start_usual()


@contextlib.contextmanager
def _exporter_dead(stage: AlertStage) -> Iterator[None]:
    stage.sandbox.kill("exporter", restart=False)
    try:
        yield
    finally:
        stage.sandbox.restart("exporter")


@contextlib.contextmanager
def _row_gone(stage: AlertStage) -> Iterator[None]:
    """Takes the oldest row out of the books, and puts it back."""
    stage.wait_until_old(_CHECKED_SEC)
    stage.stop_usual()
    stage.reconcile(0)
    endpoints, name = stage.e2e_run.endpoints, stage.e2e_run.name
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    table, kept = (f"`{endpoints['project']}.{name}.{each}`" for each in ("transactions", "kept"))
    query = f"SELECT kafka_partition, kafka_offset FROM {table} ORDER BY broker_time LIMIT 1"
    [[partition, offset]] = client.query(query).result()
    place = f"kafka_partition = {partition} AND kafka_offset = {offset}"
    client.query(f"CREATE TABLE {kept} AS SELECT * FROM {table} WHERE {place}").result()
    client.query(f"DELETE FROM {table} WHERE {place}").result()
    stage.say(f"the row of {partition}/{offset} is deleted")
    try:
        stage.reconcile(1, wait_sec=1)
        yield
    finally:
        client.query(f"INSERT INTO {table} SELECT * FROM {kept}").result()
        client.query(f"DROP TABLE {kept}").result()
        stage.reconcile(0)
        stage.start_usual()


@contextlib.contextmanager
def _lower_limit(stage: AlertStage) -> Iterator[None]:
    found = job_health(stage.e2e_run.endpoints["flink_rest"], stage.context.stage.job)
    stage.write_rules(state_bytes=(found.state_bytes or 0) / 4, state_bytes_critical=1e12)
    try:
        yield
    finally:
        stage.write_rules()


@contextlib.contextmanager
def _taken_over(stage: AlertStage) -> Iterator[None]:
    folder = Path(stage.e2e_run.endpoints["checkpoints"]) / stage.context.stage.job
    # Nobody to ask, or the launch would cancel the job that it takes over from.
    flags = ["--take_over", f"--resume={folder}", f"--flink={HOST}:1"]
    stage.context.stage.job = stage.e2e_run.submit_to_flink(flags, timeout_sec=300)
    yield


def without_fault(trial: Trial) -> Trial:
    """Returns the control of a trial: all but the fault."""
    return trial._replace(
        fault="none", act=lambda stage: contextlib.nullcontext(), from_the_start=False
    )


TRIALS = (
    Trial(
        "never-reconciled",
        "no reconciliation since the tables were made",
        _never_reconciled,
        ("PaymentsReconciliationOverdue",),
        # Before there is a job, none runs; one that starts has no checkpoint yet.
        ("PaymentsJobNotRunning", "PaymentsCheckpointOld"),
        from_the_start=True,
    ),
    _sending(
        "duplicates",
        "one payment in five is sent twice",
        ("PaymentsManyDuplicates",),
        "--rate_per_sec=100",
        "--duplicate_ratio=0.2",
    ),
    Trial(
        "conflict", "four ids sent again with another amount", _one_conflict, ("PaymentsConflicts",)
    ),
    _sending(
        "poison",
        "one record in ten is broken",
        ("PaymentsManyDeadLetters",),
        "--rate_per_sec=100",
        "--invalid_ratio=0.1",
    ),
    _sending(
        "late",
        "one payment in ten is over an hour old",
        ("PaymentsManyLate",),
        "--rate_per_sec=100",
        "--late_ratio=0.1",
    ),
    Trial(
        "bigquery-away",
        "BigQuery's write API is UNAVAILABLE, with 550 payments/s",
        _bigquery_away,
        (
            "PaymentsNotFresh",
            "PaymentsCheckpointOld",
            "PaymentsCheckpointsFail",
            "PaymentsFreshnessBudgetBurns",
            "PaymentsPartitionStuck",
            "PaymentsLagGrows",
            "PaymentsLagLarge",
            "PaymentsBackpressured",
        ),
        ("PaymentsJobNotRunning", "PaymentsRestarts"),
    ),
    Trial(
        "no-task-managers",
        "SIGKILL of both TaskManagers, which stay down",
        _no_task_managers,
        ("PaymentsJobNotRunning",),
        # Flink asks for slots again and again, and each time is a restart.
        (
            "PaymentsRestarts",
            "PaymentsCheckpointOld",
            "PaymentsNotFresh",
            "PaymentsFreshnessBudgetBurns",
        ),
    ),
    Trial(
        "crash-loop",
        "SIGKILL of Python workers, twice",
        _crash_loop,
        ("PaymentsRestarts",),
        ("PaymentsJobNotRunning",),
    ),
    Trial("silence", "nobody pays", _silence, ("PaymentsNoRecords",)),
    Trial("exporter-dead", "SIGKILL of the exporter", _exporter_dead, ("PaymentsUnobserved",)),
    Trial(
        "row-gone",
        "a row deleted from the books, then reconcile",
        _row_gone,
        ("PaymentsDoNotAddUp",),
    ),
    _sending(
        "open-transaction",
        "a producer leaves a transaction open",
        ("PaymentsOpenTransaction", "PaymentsWatermarkOld"),
        "--rate_per_sec=20",
        "--transaction_records=20",
        "--open_transaction_sec=600",
    ),
    Trial(
        "state",
        "the limit lowered to a quarter of what there is",
        _lower_limit,
        ("PaymentsStateLarge",),
    ),
    Trial(
        "taken-over",
        "another launch takes the tables from a job that goes on",
        _taken_over,
        ("PaymentsClaimLost",),
        ("PaymentsJobNotRunning",),
    ),
)

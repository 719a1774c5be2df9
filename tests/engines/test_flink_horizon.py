"""Ids on a real cluster are remembered for their horizon. One story; each test is a law of it.

Ids arrive in one of four partitions and are accepted. The whole cluster then stands still; copies
arrive meanwhile, within the horizon, one in the same partition and one in a partition that was idle
until then. The cluster comes back when the clock on the wall is beyond the horizon. Then: silence.

The control, a watermark that follows the wall clock through the same pause, is in
tests/laws/test_expiry.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from kafka import KafkaProducer

from harness.e2e_run import E2ERun
from operations.reconcile.command import reconcile
from operations.reconcile.report import Report
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from operations.reconcile.truth import Limits
from sandbox.component import TASK_MANAGERS
from sandbox.sandbox import Sandbox
from tests.engines.engines import TIMEOUT_SEC
from tests.support.payments import SECOND_US, payload
from transforms.codecs import wire_format
from transforms.payment.outcome import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(2_400)]

IDS = [f"tx-{number}" for number in range(100)]
# Long enough that a slow machine accepts the ids, stops and takes the copies within it.
LATENESS_SEC = 90
SKEW_SEC = 1
HORIZON_SEC = LATENESS_SEC + SKEW_SEC
BUSY_PARTITION, IDLE_PARTITION = 0, 1  # of four; the other two stay empty
TOO_SLOW = "the machine was too slow for this story: LATENESS_SEC must be longer"


class Story(NamedTuple):
    """What was seen.

    Attributes:
        remembered_for_us: how long the first id had been remembered when `forgotten_early` was
            read: beyond the horizon that number would say nothing.
        forgotten_early: ids forgotten when all had just been accepted.
        copies_after_us: how long after the first id the last copy arrived.
        report: the reconciliation after the pause.
        forgotten: ids forgotten in the silence that followed.
    """

    remembered_for_us: int
    forgotten_early: int
    copies_after_us: int
    report: Report
    forgotten: int


@pytest.fixture(scope="module")
def story(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    e2e_run = E2ERun("horizon", sandbox.endpoints(), tmp_path_factory.mktemp("horizon"))
    e2e_run.prepare()
    flags = [f"--allowed_lateness_sec={LATENESS_SEC}", f"--clock_skew_sec={SKEW_SEC}"]
    job = e2e_run.submit_to_flink(flags, timeout_sec=TIMEOUT_SEC)
    try:
        return tell(sandbox, e2e_run, job)
    finally:
        e2e_run.flink.cancel(job)


def tell(sandbox: Sandbox, e2e_run: E2ERun, job: str) -> Story:
    flink = e2e_run.flink
    payloads = [_payment(id_) for id_ in IDS]
    [first_us, *_] = send(e2e_run, BUSY_PARTITION, payloads)
    accepted = check(e2e_run, wait_sec=TIMEOUT_SEC)  # rows are visible: a checkpoint has them
    assert accepted.counts.outcomes[Outcome.ACCEPTED] == len(IDS), accepted.text()
    # Counters are some seconds old: this one tells that the other is of the same moment.
    assert settled(lambda: flink.counter(job, "transactions_accepted"), len(IDS)) == len(IDS)
    forgotten_early = flink.counter(job, "ids_forgotten")
    remembered_for_us = time.time_ns() // 1_000 - first_us

    for name in TASK_MANAGERS:
        sandbox.kill(name, restart=False)
    send(e2e_run, BUSY_PARTITION, payloads)
    *_, last_us = send(e2e_run, IDLE_PARTITION, payloads)
    # The pause is the scenario: it lasts until the wall clock is well beyond every horizon.
    settled(lambda: time.time() > last_us / SECOND_US + HORIZON_SEC + 5, True)
    for name in TASK_MANAGERS:
        sandbox.restart(name, TIMEOUT_SEC)

    report = check(e2e_run, wait_sec=TIMEOUT_SEC)
    forgotten = settled(lambda: flink.counter(job, "ids_forgotten"), len(IDS))
    return Story(remembered_for_us, forgotten_early, last_us - first_us, report, forgotten)


def test_ids_are_kept_while_their_horizon_has_not_passed(story: Story) -> None:
    """Control of the last test: it is not that everything is forgotten at once."""
    assert story.remembered_for_us < HORIZON_SEC * SECOND_US, TOO_SLOW
    assert story.forgotten_early == 0


def test_catch_up_after_a_pause_forgets_nothing_early(story: Story) -> None:
    assert story.copies_after_us < LATENESS_SEC * SECOND_US, TOO_SLOW
    assert story.report.balanced, story.report.text()
    outcomes = story.report.counts.outcomes
    assert outcomes[Outcome.ACCEPTED] == len(IDS), story.report.text()
    assert outcomes[Outcome.DUPLICATE] == 2 * len(IDS), story.report.text()


def test_quiet_topic_and_idle_partitions_do_not_hold_timers_for_ever(story: Story) -> None:
    assert story.forgotten == len(IDS)


def send(e2e_run: E2ERun, partition: int, payloads: Sequence[bytes]) -> list[int]:
    """Sends to one partition; returns the arrival of each record, microseconds."""
    producer = KafkaProducer(bootstrap_servers=e2e_run.endpoints["kafka"])
    try:
        sent = [
            producer.send(e2e_run.topic, each, key=b"key", partition=partition) for each in payloads
        ]
        return [future.get(timeout=60).timestamp * 1_000 for future in sent]
    finally:
        producer.close()


def check(e2e_run: E2ERun, wait_sec: float) -> Report:
    """Reconciles with this job's limits; there is no ledger, for nothing was simulated."""
    endpoints = e2e_run.endpoints
    return reconcile(
        ReconcileConfig(
            Topics(endpoints["kafka"], (e2e_run.topic,)),
            Dataset(endpoints["project"], e2e_run.name, endpoints["bigquery"]),
            Limits(SKEW_SEC * SECOND_US, LATENESS_SEC * SECOND_US),
            wait_sec=wait_sec,
        )
    )


def settled(value: Callable[[], int], wanted: int) -> int:
    """Returns the value once it is the wanted one, or what it is when that takes too long."""
    deadline = time.monotonic() + TIMEOUT_SEC
    while (found := value()) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _payment(transaction_id: str) -> bytes:
    now = wire_format.event_time_text(time.time_ns() // 1_000)
    return payload(transaction_id=transaction_id, event_time=now)

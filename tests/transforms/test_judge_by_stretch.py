"""ScoreFraud touches each payment in its state once, and in its order."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Sequence

import pytest

from tests.support import fraud_reference
from tests.support.payments import SECOND_US, START_US, transaction
from tests.support.shards import SHARDS
from tests.support.stateful import StatefulRun
from transforms.batch_by_shard import BatchFn
from transforms.batch_by_stretch import CutByStretch, account_of
from transforms.judge_by_stretch import JudgeByStretch
from transforms.payment.fraud_rules import FraudAlert, FraudRules
from transforms.payment.transaction import Transaction
from transforms.state import packed
from transforms.state.account_state import AccountState
from transforms.state.arrival_queue import CALL_MAX
from transforms.state.stretch import STRETCH_US

RULES = FraudRules()
FOREVER_US = START_US + 7 * 86_400 * SECOND_US


def traffic(count: int, every_sec: float, accounts: int = 40) -> list[Transaction]:
    rng = random.Random(5)
    return [
        transaction(
            f"tx-{n}",
            arrival_us=START_US + round(n * every_sec * SECOND_US),
            offset=n,
            account_id=f"acc-{rng.randrange(accounts)}",
            amount_minor=rng.choice((90, 100, 110, 5_000)),
            country=rng.choice(("DE", "DE", "FR")),
            device_id=f"dev-{rng.randrange(20)}",
        )
        for n in range(count)
    ]


def deliver(run: StatefulRun, payments: Sequence[Transaction]) -> None:
    """Hands over the payments of one bundle."""
    batch = BatchFn(account_of, SHARDS, CutByStretch(SHARDS))
    batch.start_bundle()
    found = [*batch.process(list(payments)), *batch.finish_bundle()]
    for each in found:
        run.process(each.value, each.timestamp.micros)


def bundles(payments: Sequence[Transaction], size: int = 100) -> Iterable[Sequence[Transaction]]:
    return (payments[at : at + size] for at in range(0, len(payments), size))


def told(run: StatefulRun) -> list[FraudAlert]:
    return by_place(each for raised in run.outputs for each in raised)


def expected(payments: Sequence[Transaction]) -> list[FraudAlert]:
    return by_place(fraud_reference.judge_all(RULES, payments))


def by_place(raised: Iterable[FraudAlert]) -> list[FraudAlert]:
    return sorted(raised, key=lambda it: (it.transaction.offset, it.indicator.value))


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Returns how many payments were unpacked, call by call."""
    sizes: list[int] = []
    unpack = packed.unpack

    def counting(blob: bytes) -> list[Transaction]:
        payments = unpack(blob)
        sizes.append(len(payments))
        return payments

    monkeypatch.setattr(packed, "unpack", counting)
    return sizes


@pytest.mark.parametrize("every_sec", [0.01, 1])
def test_each_payment_of_a_backlog_is_unpacked_once(every_sec: float, unpacked: list[int]) -> None:
    payments = traffic(4_000, every_sec)
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    for bundle in bundles(payments):
        deliver(run, bundle)
    for second in range(0, 4_000, 5):  # the watermark follows slowly: all others wait meanwhile
        run.advance_to(START_US + second * SECOND_US)
    run.advance_to(START_US + 4_010 * SECOND_US)

    assert sum(unpacked) == len(payments)
    assert told(run) == expected(payments)


def test_order_of_delivery_changes_nothing_across_bundles_and_stretches() -> None:
    payments = traffic(3_000, 0.1)
    shuffled = random.Random(1).sample(payments, len(payments))
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    for bundle in bundles(shuffled):
        deliver(run, bundle)
    run.advance_to(FOREVER_US)

    assert told(run) == expected(payments)


def test_late_payment_is_judged_when_it_comes_and_others_go_on_waiting() -> None:
    payments = traffic(300, 0.1, accounts=1)
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    watermark_us = START_US + 20 * SECOND_US
    deliver(run, [each for each in payments if each.offset != 7])
    run.advance_to(watermark_us)
    before = told(run)
    fired = len(run.fired)

    deliver(run, [payments[7]])
    run.advance_to(watermark_us)

    assert len(run.fired) == fired + 1
    assert {each.transaction.offset for each in told(run)} - {
        each.transaction.offset for each in before
    } <= {7}
    run.advance_to(START_US + 60 * SECOND_US)
    over_us = run.fired[fired - 1][2]  # the end of the last stretch judged before
    in_order = [each for each in payments if each.offset != 7]
    judged = [each for each in in_order if each.broker_time_us < over_us]
    assert told(run) == expected([*judged, payments[7], *in_order[len(judged) :]])


def test_another_worker_goes_on_from_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.state.account_state._SMALL_BYTES", 2_000)
    payments = traffic(3_000, 0.5)
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    for number, bundle in enumerate(bundles(payments)):
        deliver(run, bundle)
        run.advance_to(bundle[-1].broker_time_us)
        if number % 4 == 0:
            run.replace(JudgeByStretch(RULES, SHARDS))
    run.advance_to(START_US + 2_000 * SECOND_US)

    assert told(run) == expected(payments)
    assert all(isinstance(each, bytes) for each in held_in_state(run))


def test_bundle_that_failed_leaves_nothing_in_the_worker() -> None:
    payments = traffic(1_000, 0.1)
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    deliver(run, payments[:500])
    run.advance_to(payments[400].broker_time_us)
    before = copy.deepcopy((run.states, run.timers, run.outputs))
    deliver(run, payments[500:])
    run.advance_to(payments[900].broker_time_us)

    run.states, run.timers, run.outputs = before  # the runner takes back what the bundle did
    deliver(run, payments[500:])
    run.advance_to(START_US + 200 * SECOND_US)

    assert told(run) == expected(payments)


def test_call_judges_no_more_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    judge = AccountState.judge
    monkeypatch.setattr(
        AccountState, "judge", lambda book, due: judged.append(len(due)) or judge(book, due)
    )
    payments = traffic(20_000, 0.02, accounts=1)  # 250 a stretch
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    for bundle in bundles(payments, 1_000):
        deliver(run, bundle)
    run.advance_to(START_US + 1_000 * SECOND_US)

    assert sum(judged) == len(payments)
    assert max(judged) <= CALL_MAX
    assert len(judged) < 20  # and a backlog is not judged stretch by stretch


def test_shards_are_due_at_different_times() -> None:
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    deliver(run, traffic(400, 0.001, accounts=400))
    run.advance_to(START_US + 20 * SECOND_US)

    shards = {shard for shard, _, _ in run.fired}
    assert len(shards) == len(SHARDS)
    assert len({at_us % STRETCH_US for _, _, at_us in run.fired}) == len(SHARDS)


def test_state_is_empty_once_everything_is_forgotten() -> None:
    run = StatefulRun(JudgeByStretch(RULES, SHARDS))
    deliver(run, traffic(500, 1))
    run.advance_to(FOREVER_US)

    assert held_in_state(run) == []
    assert all(timer.due_us is None for timer in run.timers.values())


def held_in_state(run: StatefulRun) -> list[bytes]:
    found = []
    for state in run.states.values():
        found += state.held if isinstance(state.held, list) else [state.held]
    return [each for each in found if each is not None]

"""The crash suite: what it would inject, and what its last line says."""

import pytest

from harness.faults import __main__ as command
from harness.faults import table
from harness.faults.catalogue import FAULTS
from harness.faults.suite import Result
from pipeline.reconciliation.report import Report
from tests.support.reconcile_world import World, without


def schedule(*flags: str) -> list[str]:
    arguments = command._parser().parse_args(flags)
    return [fault.name for fault in command._schedule(arguments)]


def report(*, lose: int = 0) -> Report:
    world = World()
    places = [world.send(transaction_id=f"tx-{n}") for n in range(5)]
    return world.audit(without(world.rows(), *places[:lose]))


def result(audited: Report) -> Result:
    return Result("zombie", 3.0, 12.5, audited.missing, audited.double, audited)


def test_first_round_is_every_fault_once_in_the_order_of_the_list() -> None:
    assert schedule() == [fault.name for fault in FAULTS]


def test_seed_injects_the_same_again_and_another_seed_does_not() -> None:
    assert schedule("--rounds=3", "--seed=7") == schedule("--rounds=3", "--seed=7")
    assert schedule("--rounds=3", "--seed=7") != schedule("--rounds=3", "--seed=8")


def test_one_fault_can_be_asked_for() -> None:
    assert schedule("--only=zombie", "--rounds=2") == ["zombie", "zombie"]


def test_fault_that_does_not_exist_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as ended:
        schedule("--only=meteor")

    assert ended.value.code == 2


def test_last_line_counts_and_nothing_lost_passes() -> None:
    results = [result(report()), result(report())]

    assert table.passed(results, control_doubled=9)
    assert table.text(results, 9).splitlines()[-1] == (
        "faults: 2 injected, 0 lost, 0 doubled, control doubled 9"
    )


def test_control_that_does_not_double_proves_nothing() -> None:
    assert not table.passed([result(report())], control_doubled=0)


def test_one_lost_record_fails_and_is_named() -> None:
    results = [result(report()), result(report(lose=1))]

    assert not table.passed(results, control_doubled=9)
    text = table.text(results, 9)
    assert "payments[0] 0..0: 1 records in no table" in text
    assert text.splitlines()[-1] == "faults: 2 injected, 1 lost, 0 doubled, control doubled 9"

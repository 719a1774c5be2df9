"""The crash suite injects the faults that were asked for, and its last line sums them up."""

import itertools
import json

import pytest

from harness.faults import __main__ as command
from harness.faults import schedule, table
from harness.faults.catalogue import FAULTS
from harness.faults.suite import Controls, Result
from operations.reconcile.report import Report
from tests.support.reconcile_world import World, without

DOUBLED = Controls(without_stable_input=9, at_least_once=12)


def names(groups: list[schedule.Group]) -> list[list[str]]:
    return [[fault.name for fault in group] for group in groups]


def alone() -> list[schedule.Group]:
    return [[fault] for fault in FAULTS]


def report(*, lose: int = 0) -> Report:
    world = World()
    places = [world.send(transaction_id=f"tx-{n}") for n in range(5)]
    return world.audit(without(world.rows(), *places[:lose]))


def result(audited: Report) -> Result:
    return Result(7, ("zombie", "slow"), 3.0, 12.5, audited.missing, audited.double, audited)


def test_first_round_is_every_fault_alone_in_the_order_of_the_list() -> None:
    assert names(schedule.of(seed=1, rounds=1)) == names(alone())


def test_seed_injects_the_same_again_and_another_seed_does_not() -> None:
    assert names(schedule.of(7, 3)) == names(schedule.of(7, 3))
    assert names(schedule.of(7, 3)) != names(schedule.of(8, 3))


@pytest.mark.parametrize("seed", range(50))
def test_later_rounds_mix_faults_that_do_not_touch_the_same(seed: int) -> None:
    mixed = schedule.of(seed, 1, mixed=True)

    # The first of each has a job of its own.
    in_order = [*alone()[:1], *mixed[:1], *alone()[1:], *mixed[1:]]
    assert names(schedule.of(seed, 2)) == names(in_order)
    assert sorted(itertools.chain(*names(mixed))) == sorted(fault.name for fault in FAULTS)
    assert max(map(len, mixed)) == 3
    # Eight are alone; of the others ten act on TaskManagers, which no group does twice.
    assert len(mixed) == 18
    for group in mixed:
        touched = [component for fault in group for component in fault.touches]
        assert len(touched) == len(set(touched))
        assert len(group) == 1 or not any(fault.alone for fault in group)


@pytest.mark.parametrize("mixed", [False, True])
def test_jobs_of_their_own_are_over_before_the_shared_one_begins(mixed: bool) -> None:
    young = [group[0].young_job for group in schedule.of(3, 4, mixed=mixed)]

    assert young == [True] * 4 + [False] * (len(young) - 4)


def test_one_fault_can_be_asked_for() -> None:
    assert names(schedule.of(1, 2, [fault for fault in FAULTS if fault.name == "zombie"])) == [
        ["zombie"],
        ["zombie"],
    ]


def test_share_is_the_same_for_the_same_text_and_covers_all_in_the_end() -> None:
    assert schedule.picked(40, "abc") == schedule.picked(40, "abc")
    assert schedule.picked(40, "abc") != schedule.picked(40, "abd")
    assert len(schedule.picked(40, "abc")) == round(len(FAULTS) * 0.4)
    assert schedule.picked(100, "abc") == list(FAULTS)
    assert {fault for n in range(30) for fault in schedule.picked(40, str(n))} == set(FAULTS)


def test_some_faults_can_be_asked_for_in_the_order_of_the_list() -> None:
    asked = command._parser().parse_args(["--only=zombie, broker"])

    assert [fault.name for fault in command._faults(asked)] == ["broker", "zombie"]


def test_faults_of_a_registry_need_a_contract_that_has_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = command._parser().parse_args(["--only=registry-away", "--contract=debezium-avro"])
    assert [fault.name for fault in command._faults(asked)] == ["registry-away"]

    with pytest.raises(SystemExit) as ended:
        command.main(["--only=zombie,registry-away", "--contract=stripe"])

    assert ended.value.code == 2
    assert "needs a --contract with a schema registry" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--only=meteor", "--only=zombie,meteor", "--contract=meteor"])
def test_what_does_not_exist_is_a_usage_error(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command._parser().parse_args([flag])

    said = capsys.readouterr().err
    assert "'meteor'" in said and len(said.splitlines()) == 1

    assert ended.value.code == 2


def test_last_line_counts_and_nothing_lost_passes() -> None:
    results = [result(report()), result(report())]

    assert table.passed(results, DOUBLED)
    assert table.text(results, DOUBLED).splitlines()[-1] == (
        "faults: 4 injected, 0 lost, 0 doubled, 0 skipped, control doubled 9"
    )


@pytest.mark.parametrize("controls", [Controls(0, 9), Controls(9, 0), None])
def test_control_that_does_not_double_proves_nothing(controls: Controls | None) -> None:
    assert not table.passed([result(report())], controls)
    assert table.text([result(report())], controls).endswith("control doubled 0")


def test_one_lost_record_fails_and_is_named() -> None:
    results = [result(report()), result(report(lose=1))]

    assert not table.passed(results, DOUBLED)
    text = table.text(results, DOUBLED)
    assert "payments[0] 0..0: 1 records in no table" in text
    assert text.splitlines()[-1] == (
        "faults: 4 injected, 1 lost, 0 doubled, 0 skipped, control doubled 9"
    )


def test_fault_that_met_no_skipped_record_of_a_contract_that_skips_proves_nothing() -> None:
    met = result(report())._replace(skipped=40)
    missed = met._replace(skipped=0)

    assert table.passed([met, met], DOUBLED)
    assert table.last_line([met, met, result(report())], DOUBLED).endswith(
        "0 doubled, 80 skipped, control doubled 9"
    )
    assert not table.passed([met, missed], DOUBLED)
    assert "no record was skipped, though the contract skips" in table.text([missed], DOUBLED)


def test_crash_fails_a_suite_that_lost_nothing_and_is_told() -> None:
    crash = "logs/hs_err_pid7.log: SIGSEGV (0xb)"

    assert not table.passed([result(report())], DOUBLED, [crash])
    assert f"a process has crashed, {crash}" in table.text([result(report())], DOUBLED, [crash])
    told = table.document([result(report())], DOUBLED, short=False, crashes=[crash])
    assert (told["passed"], told["crashes"]) == (False, [crash])


def test_programs_are_told_the_same() -> None:
    told = json.loads(json.dumps(table.document([result(report(lose=1))], DOUBLED, short=True)))

    assert (told["passed"], told["short"]) == (False, True)
    assert told["controls"] == {"without_stable_input": 9, "at_least_once": 12}
    [fault] = told["faults"]
    assert (fault["seed"], fault["recovery_sec"], fault["lost"]) == (7, 12.5, 1)
    assert fault["faults"] == ["zombie", "slow"]
    assert "1 records in no table" in fault["report"]["problems"][0]

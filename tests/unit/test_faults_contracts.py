"""The crash suite reads by contracts, and its books know what they skip."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.e2e_run import E2ERun
from harness.faults import contracts
from harness.faults.contracts import Contracts, SkippedRecords
from operations.reconcile.report import Report
from tests.support.reconcile_world import World
from transforms.codecs.contract import shipped
from transforms.codecs.contract.load import load_file
from transforms.payment.outcome import Outcome


def run(name: str, contract: str | None) -> E2ERun:
    return E2ERun(name, {}, Path(), contract=contract)  # type: ignore[typeddict-item]


def books(skipped: int) -> Report:
    report = World().audit([])
    outcomes = {**report.counts.outcomes, Outcome.SKIPPED: skipped}
    return dataclasses.replace(report, counts=report.counts._replace(outcomes=outcomes))


def test_contract_that_is_said_is_that_of_every_job() -> None:
    assert contracts.chosen("stripe", True, 1, "abc") == Contracts("stripe", "stripe")
    assert contracts.chosen("stripe", False, 1, "") == Contracts("stripe", "stripe")


def test_without_a_mix_our_own_json_is_read() -> None:
    assert contracts.chosen(None, False, 1, "abc") == Contracts(None, None)


def test_mix_reads_by_a_contract_that_skips_in_jobs_of_a_fault_s_own() -> None:
    found = [contracts.chosen(None, True, 1, str(pick)) for pick in range(60)]

    assert {each.shared for each in found} == {None}
    assert {each.own for each in found} == set(contracts.skipping())
    assert found == [contracts.chosen(None, True, 1, str(pick)) for pick in range(60)]


def test_those_that_skip_skip_and_need_no_registry() -> None:
    names = contracts.skipping()

    for name in names:
        contract = load_file(shipped.path_of(name))
        assert contract.skips and contract.schema.registry is None
    assert {"stripe", "hyperswitch"} <= set(names)
    assert not {"native", "pacs008", "debezium-avro"} & set(names)


def test_skipped_records_are_counted_fault_by_fault_and_job_by_job() -> None:
    skipped = SkippedRecords()
    skipped.add(run("a", "stripe"), books(5))
    skipped.add(run("b", "stripe"), books(2))
    assert skipped.since_last() == 7

    skipped.add(run("a", "stripe"), books(9))
    assert skipped.since_last() == 4
    skipped.add(run("a", "stripe"), books(9))
    assert skipped.since_last() == 0


@pytest.mark.parametrize("contract", [None, "native", "pacs008"])
def test_contract_that_skips_nothing_has_no_count(contract: str | None) -> None:
    skipped = SkippedRecords()
    skipped.add(run("a", contract), books(0))

    assert skipped.since_last() is None

"""The report: one last line, one document, and a control in which each check fails."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from operations.reconcile.checks import EXAMPLES_MAX, Tally
from operations.reconcile.ledger import Ledger
from operations.reconcile.report import Report
from operations.reconcile.rows import MinuteDifference, Outside, SkippedRow
from operations.reconcile.skipped_ranges import Span
from operations.reconcile.truth import Place
from tests.support import payments
from tests.support.reconcile_world import World, changed, failed, tables, with_facts, without
from transforms.payment.outcome import Outcome


def small_world() -> tuple[World, Place, Place]:
    world = World()
    first, copy = world.send(), world.send(at_sec=1)
    world.send(at_sec=2, amount_minor=9)
    world.send_bytes(None)
    return world, first, copy


def with_a_stale_pane() -> Report:
    world, _, _ = small_world()
    stale = MinuteDifference(payments.START_US, "EUR", 1, Decimal("12.50"), 0, Decimal(0))
    return world.audit(minutes=[stale])


def without_a_row() -> Report:
    world, first, _ = small_world()
    return world.audit(without(world.rows(), first))


def with_a_row_twice() -> Report:
    world, _, _ = small_world()
    return world.audit([*world.rows(), world.rows()[0]])


def with_a_row_of_nowhere() -> Report:
    world, _, _ = small_world()
    return world.audit(outside=Outside(beyond_end=[Place("payments", 0, 99)]))


def with_a_range_of_nothing() -> Report:
    world, first, _ = small_world()
    nothing = SkippedRow(first, Span(first.offset, "state=open", 1, 0, 0))
    return world.audit([*world.rows(), nothing])


def with_an_id_accepted_twice() -> Report:
    world, _, copy = small_world()
    return world.audit(
        changed(world.rows(), copy, lambda row: row._replace(outcome=Outcome.ACCEPTED, first=None))
    )


def with_a_wrong_payer() -> Report:
    world, first, _ = small_world()
    return world.audit(changed(world.rows(), first, with_facts(account_id="acc-9")))


def with_a_wrong_sum() -> Report:
    world, _, _ = small_world()
    [line] = tables(world.rows()).sums
    return world.audit(sums=[line._replace(amount=line.amount * 2)])


def with_a_conflict_as_duplicate() -> Report:
    world, _, _ = small_world()
    place = Place(*world.records[2][:3])
    return world.audit(
        changed(world.rows(), place, lambda row: row._replace(outcome=Outcome.DUPLICATE))
    )


CONTROLS: dict[str, Callable[[], Report]] = {
    "missing": without_a_row,
    "double": with_a_row_twice,
    "unknown": with_a_row_of_nowhere,
    "skipped": with_a_range_of_nothing,
    "conservation": without_a_row,
    "distinct ids": with_an_id_accepted_twice,
    "content": with_a_wrong_payer,
    "sums": with_a_wrong_sum,
    "totals by minute": with_a_stale_pane,
    "outcomes": with_a_conflict_as_duplicate,
}


@pytest.mark.parametrize("name", CONTROLS)
def test_every_check_fails_where_it_must(name: str) -> None:
    report = CONTROLS[name]()

    assert name in failed(report)
    assert name in report.failed()
    assert not report.balanced
    assert any(problem.startswith(f"{name}: ") for problem in report.problems)


def test_no_check_is_without_a_control() -> None:
    world, _, _ = small_world()

    assert {check.name for check in world.audit().checks} == set(CONTROLS)


def test_ledger_checks_fail_where_they_must(tmp_path: Path) -> None:
    world, _, _ = small_world()
    path = tmp_path / "ledger.jsonl"
    entry = dict.fromkeys(("transaction_id", "account_id", "merchant_id", "amount_minor"))
    entry |= {"topic": "payments", "partition": 0, "offset": 3, "key": "key", "currency": None}
    entry |= {"event_time": None, "expected": "late", "reason": None}
    path.write_bytes(orjson.dumps(entry) + b"\n")

    report = world.audit(ledgers=[Ledger(path)])

    assert failed(report) == {"ledger in Kafka", "ledger outcomes"}
    assert {check.name for check in report.checks} == {*CONTROLS, *failed(report)}


def test_last_line_of_balanced_tables() -> None:
    world, _, _ = small_world()
    report = world.audit()

    line = (
        "reconciled: read=4 accepted=1 duplicate=1 conflict=1 late=0 invalid=1 skipped=0 "
        "missing=0 double=0"
    )
    assert report.last_line() == line
    assert report.text().splitlines()[-1] == line


def test_last_line_of_unbalanced_tables() -> None:
    report = without_a_row()

    outcomes = "accepted=0 duplicate=1 conflict=1 late=0 invalid=1 skipped=0"
    line = f"NOT reconciled: read=4 {outcomes} missing=1 double=0"
    assert report.last_line() == line
    assert report.text().splitlines()[-1] == line


def test_text_shows_every_outcome_and_why_a_check_failed() -> None:
    text = without_a_row().text()

    for outcome in Outcome:
        assert f"\n{outcome.value} " in text
    assert "FAILED missing:\n  payments[0] 0..0: 1 records in no table" in text


def test_text_shows_sums_without_rounding() -> None:
    world = World()
    for number in range(3):
        world.send(transaction_id=f"tx-{number}", amount_minor=10**15 - 1)

    assert "29999999999999.97" in world.audit().text()


def test_text_says_how_many_failures_it_leaves_out() -> None:
    world = World()
    for number in range(20):
        world.send(transaction_id=f"tx-{number}", amount_minor=number + 1)
    rows = [row._replace(amount=row.amount + 1) for row in world.rows()]

    report = world.audit(rows)

    assert f"  … and {20 - EXAMPLES_MAX} more\n" in report.text()
    assert len([line for line in report.problems if line.startswith("content")]) == EXAMPLES_MAX


def test_document_is_plain_json_with_exact_amounts() -> None:
    world, _, _ = small_world()

    document = orjson.loads(orjson.dumps(world.audit().document()))

    assert document["balanced"] is True
    assert document["outcomes"] == {
        "accepted": 1,
        "duplicate": 1,
        "conflict": 1,
        "late": 0,
        "invalid": 1,
        "skipped": 0,
    }
    assert document["currencies"][0]["kafka"] == "12.5"
    assert document["partitions"][0]["gaps"] == []
    assert [check["ok"] for check in document["checks"]] == [True] * len(CONTROLS)


def test_document_holds_gaps() -> None:
    document = without_a_row().document()

    assert document["partitions"][0]["gaps"] == [
        {"first_offset": 0, "last_offset": 0, "records": 1}
    ]


def test_tally_counts_all_and_keeps_a_few() -> None:
    tally = Tally()
    for number in range(25):
        tally.add(str(number))

    check = tally.check("name", "numbers")

    assert (check.failures, len(check.examples), check.ok) == (25, EXAMPLES_MAX, False)

"""Every record ended as the rules ask, whatever order the partitions were read in."""

from __future__ import annotations

import pytest

from operations.reconcile.rows import DeadLetterRow, First
from operations.reconcile.truth import Place
from tests.support import payments
from tests.support.reconcile_world import (
    HORIZON_SEC,
    World,
    changed,
    failed,
    interleavings,
    row_at,
    without,
)
from transforms.payment.outcome import Outcome

LATE_EVENT = "2025-12-31T20:00:00Z"


def as_outcome(outcome: Outcome, first: First | None = None):
    return lambda row: row._replace(outcome=outcome, first=first)


@pytest.mark.parametrize("amount_minor", [1250, 9], ids=["duplicate", "conflict"])
def test_copies_on_two_partitions_may_swap(amount_minor: int) -> None:
    world = World()
    places = [world.send(0), world.send(1, at_sec=1, amount_minor=amount_minor)]

    accepted = []
    for order in interleavings(places):
        report = world.audit(world.rows(order))
        assert report.problems == []
        accepted.append(order[0])

    assert sorted(accepted) == places  # either of them may be first


def test_copies_on_one_partition_must_not_swap() -> None:
    world = World()
    first, second = world.send(), world.send(at_sec=1)

    report = world.audit(world.rows([second, first]))

    assert failed(report) == {"outcomes"}
    assert report.problems == [
        f"outcomes: tx-1: {second} is accepted, but {first}, earlier in the same partition, "
        "is duplicate"
    ]


def test_earlier_copy_of_the_partition_must_be_the_accepted_one_in_a_mixed_group() -> None:
    world = World()
    one, two, other = world.send(0), world.send(0, at_sec=1), world.send(1, at_sec=2)

    assert world.audit(world.rows([one, other, two])).balanced
    assert world.audit(world.rows([other, one, two])).balanced
    assert failed(world.audit(world.rows([two, other, one]))) == {"outcomes"}


def test_conflict_counted_as_duplicate_is_found() -> None:
    world = World()
    first = world.send()
    copy = world.send(at_sec=1, amount_minor=9)
    rows = changed(world.rows(), copy, lambda row: row._replace(outcome=Outcome.DUPLICATE))

    report = world.audit(rows)

    assert failed(report) == {"outcomes"}
    assert report.problems == [
        f"outcomes: tx-1: {copy} is a duplicate of {first}, but their payment facts differ"
    ]


def test_duplicate_counted_as_conflict_is_found() -> None:
    world = World()
    world.send()
    copy = world.send(at_sec=1)
    rows = changed(world.rows(), copy, lambda row: row._replace(outcome=Outcome.CONFLICT))

    assert failed(world.audit(rows)) == {"outcomes"}


def test_copies_relate_to_the_accepted_record_not_to_each_other() -> None:
    world = World()
    places = [
        world.send(0, amount_minor=1),
        world.send(1, at_sec=1, amount_minor=2),
        world.send(1, at_sec=2, amount_minor=2),
    ]

    for order in interleavings(places):
        assert world.audit(world.rows(order)).problems == []


def test_id_without_an_accepted_record_is_found() -> None:
    world = World()
    first, copy = world.send(), world.send(at_sec=1)

    report = world.audit(without(world.rows(), first))

    assert {"missing", "outcomes"} <= failed(report)
    assert (
        f"outcomes: tx-1: {copy} is a duplicate of {first}, which is no accepted record of this id"
        in report.problems
    )


def test_copy_that_names_a_record_of_another_id_is_found() -> None:
    world = World()
    world.send(transaction_id="tx-1")
    copy = world.send(transaction_id="tx-1", at_sec=1)
    other = world.send(transaction_id="tx-2", at_sec=2)
    named = First(other, payments.START_US + 2 * payments.SECOND_US)
    rows = changed(world.rows(), copy, lambda row: row._replace(first=named))

    assert failed(world.audit(rows)) == {"outcomes"}


def test_single_record_counted_as_duplicate_is_found() -> None:
    world = World()
    place = world.send()
    rows = changed(
        world.rows(), place, as_outcome(Outcome.DUPLICATE, First(place, payments.START_US))
    )

    assert {"outcomes"} <= failed(world.audit(rows))


def test_copy_after_the_horizon_must_be_accepted() -> None:
    world = World()
    first = world.send(0)
    copy = world.send(0, at_sec=HORIZON_SEC + 1)
    rows = changed(
        world.rows(), copy, as_outcome(Outcome.DUPLICATE, First(first, payments.START_US))
    )

    report = world.audit(rows)

    assert failed(report) == {"outcomes"}
    assert "arrived after the horizon" in report.problems[0]


def test_copy_of_an_older_epoch_must_come_before_the_next_accepted_record() -> None:
    world = World()
    first = world.send(0)
    second = world.send(1, at_sec=HORIZON_SEC + 1)
    copy = world.send(1, at_sec=HORIZON_SEC + 2)
    named = First(first, payments.START_US)
    rows = changed(world.rows(), copy, as_outcome(Outcome.DUPLICATE, named))

    report = world.audit(rows)

    assert failed(report) == {"outcomes"}
    assert any(f"{second}, earlier in the same partition" in line for line in report.problems)


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT])
def test_late_record_counted_otherwise_is_found(outcome: Outcome) -> None:
    world = World()
    place = world.send(event_time=LATE_EVENT)

    report = world.audit(changed(world.rows(), place, as_outcome(outcome)))

    assert "outcomes" in failed(report)
    assert f"outcomes: {place} is {outcome.value}, but arrived too late" in report.problems


def test_record_in_time_counted_as_late_is_found() -> None:
    world = World()
    place = world.send()

    report = world.audit(changed(world.rows(), place, as_outcome(Outcome.LATE)))

    assert failed(report) == {"outcomes"}


def test_late_copy_needs_no_accepted_record() -> None:
    world = World()
    world.send(event_time=LATE_EVENT)
    world.send(at_sec=1, transaction_id="tx-1")

    assert world.audit().balanced


def test_invalid_record_counted_as_a_payment_is_found() -> None:
    world = World()
    good, bad = world.send(transaction_id="tx-1"), world.send_bytes(b"{")
    rows = world.rows()
    counted = row_at(rows, good)._replace(place=bad)

    report = world.audit([*without(rows, bad), counted])

    assert {"outcomes", "sums"} <= failed(report)
    assert f"outcomes: {bad} is accepted, but invalid: not_json" in report.problems


def test_payment_that_keeps_every_rule_must_not_be_a_dead_letter() -> None:
    world = World()
    place = world.send()
    letter = DeadLetterRow(place, payments.START_US, "not_json", b"key", payments.payload())

    assert failed(world.audit([letter])) == {"outcomes"}


def test_wrong_reason_of_a_dead_letter_is_found() -> None:
    world = World()
    place = world.send(currency="XXY")
    rows = changed(world.rows(), place, lambda row: row._replace(reason="not_json"))

    report = world.audit(rows)

    assert failed(report) == {"outcomes"}
    assert report.problems == [f"outcomes: {place} is not_json, but must be unknown_currency"]


def test_row_refused_by_bigquery_is_legal_but_told() -> None:
    world = World()
    place = world.send()
    letter = DeadLetterRow(place, payments.START_US, "refused_by_bigquery", None, b'{"row": 1}')

    report = world.audit([letter])

    assert report.balanced
    assert report.notes == (
        "1 rows were refused by BigQuery: their payments are in dead_letters, not counted",
    )


def test_duplicate_of_a_refused_payment_is_found() -> None:
    world = World()
    first, copy = world.send(), world.send(at_sec=1)
    letter = DeadLetterRow(first, payments.START_US, "refused_by_bigquery", None, b"{}")

    report = world.audit([letter, row_at(world.rows(), copy)])

    assert failed(report) == {"outcomes"}  # the id is counted nowhere


@pytest.mark.parametrize("offset", [9, 999], ids=["expired", "newer"])
def test_copy_of_a_record_out_of_sight_is_not_judged_but_told(offset: int) -> None:
    world = World(start=10)
    copy = world.send(0)
    named = First(Place("payments", 1, offset), payments.START_US)
    rows = changed(world.rows(), copy, as_outcome(Outcome.DUPLICATE, named))

    report = world.audit(rows)

    assert report.balanced
    assert report.notes == (
        "1 copies name an accepted record that is not read here: their facts were not compared",
    )


def test_copy_of_an_expired_record_must_come_before_the_next_accepted_one() -> None:
    world = World(start=10)
    world.send(1, at_sec=HORIZON_SEC)
    copy = world.send(1, at_sec=HORIZON_SEC + 1)
    named = First(Place("payments", 0, 9), payments.START_US)
    rows = changed(world.rows(), copy, as_outcome(Outcome.DUPLICATE, named))

    assert failed(world.audit(rows)) == {"outcomes"}

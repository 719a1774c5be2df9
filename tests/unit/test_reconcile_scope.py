"""A part of what Kafka retains: a range of time, or what no check before has proven."""

from __future__ import annotations

import datetime as dt

import orjson
import pytest

from operations.errors import CannotCheck
from operations.reconcile.audit import audit
from operations.reconcile.progress import Progress
from operations.reconcile.report import Report
from operations.reconcile.rows import Outside, Row
from operations.reconcile.scope import FULL, INCREMENTAL, RANGE, Scope
from operations.reconcile.truth import OffsetRange
from operations.reconcile.verdicts import proven, row_of
from tests.support import payments
from tests.support.reconcile_world import (
    HORIZON_SEC,
    LIMITS,
    World,
    changed,
    failed,
    tables_of_range,
    without,
)
from transforms.payment.outcome import Outcome
from transforms.payment.tables import RECONCILIATIONS

RANGES = [OffsetRange("payments", 0, 10, 20), OffsetRange("payments", 1, 0, 5)]


def audit_behind(
    world: World, starts: list[int], rows: list[Row] | None = None, kind: str = INCREMENTAL
) -> Report:
    """Returns the report of a check that begins at these offsets."""
    whole = Scope.full(world.ranges())
    spans = zip(whole.ranges, starts, strict=True)
    part = tuple(span._replace(start=start) for span, start in spans)
    truth = world.read(part)
    scope = Scope(part, whole.retained, kind)
    found = tables_of_range(world.rows() if rows is None else rows, truth)
    return audit(truth, found, scope=scope)


# --- A copy on the other side of the border -------------------------------------------------------


def test_copy_of_an_id_accepted_before_the_range_is_verified() -> None:
    world = World()
    world.send(0)
    world.send(0, at_sec=60)

    report = audit_behind(world, [1, 0])

    assert report.problems == []
    assert not any("not compared" in note for note in report.notes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount_minor": 9}, "but their payment facts differ"),
        ({"at_sec": HORIZON_SEC + 1}, "but arrived after the horizon: it must be accepted"),
    ],
)
def test_control_copy_that_is_none_of_the_record_before_is_found(changes, told: str) -> None:
    world = World()
    first = world.send(0)
    copy = world.send(0, **{"at_sec": 60, **changes})
    right = {row.place: row for row in World.rows(world)}
    named = World()
    named.send(0)
    named.send(0, at_sec=60)
    first_of = named.rows()[1].first
    rows = changed(
        list(right.values()),
        copy,
        lambda row: row._replace(outcome=Outcome.DUPLICATE, first=first_of),
    )

    report = audit_behind(world, [1, 0], rows)

    assert f"outcomes: tx-1: {copy} is a duplicate of {first}, {told}" in report.problems


def test_control_copy_of_a_record_before_that_has_no_row_is_found() -> None:
    world = World()
    first = world.send(0)
    copy = world.send(0, at_sec=60)

    report = audit_behind(world, [1, 0], without(world.rows(), first))

    assert report.problems == [
        f"outcomes: tx-1: {copy} is a duplicate of {first}, which is no accepted record of this id"
    ]


def test_control_id_accepted_before_the_range_and_in_it_is_double() -> None:
    world = World()
    first = world.send(0)
    second = world.send(1, at_sec=60)
    twice = changed(
        world.rows(), second, lambda row: row._replace(outcome=Outcome.ACCEPTED, first=None)
    )

    report = audit_behind(world, [1, 0], twice)

    assert report.double == 1
    assert report.problems == [f"distinct ids: tx-1: accepted at {first} and at {second}"]


def test_ids_accepted_twice_outside_a_range_are_told_but_no_failure_of_it() -> None:
    world = World()
    world.send(0)
    second = world.send(0, at_sec=60)
    world.send(0, at_sec=90, transaction_id="tx-2")
    twice = changed(
        world.rows(), second, lambda row: row._replace(outcome=Outcome.ACCEPTED, first=None)
    )

    report = audit_behind(world, [2, 0], twice, kind=RANGE)

    assert report.balanced
    assert "1 ids were accepted twice outside the checked range" in report.notes
    assert not world.audit(twice).balanced


def test_next_check_begins_at_a_copy_whose_accepted_record_has_no_row_yet() -> None:
    world = World()
    first = world.send(1)
    copy = world.send(0, at_sec=1)
    world.send(0, at_sec=2, transaction_id="tx-2")
    whole = Scope.full(world.ranges())
    part = [whole.ranges[0], whole.ranges[1]._replace(end=0)]
    truth = world.read(part)
    rows = without(world.rows(), first)

    report = audit(truth, tables_of_range(rows, truth), scope=Scope(tuple(part), whole.retained))

    assert report.balanced
    [span, _] = report.document()["checked"]["ranges"]
    assert (span["end"], span["proven_end"]) == (2, copy.offset)


# --- Which offsets --------------------------------------------------------------------------------


def test_range_of_time_lies_within_what_is_retained() -> None:
    scope = Scope.full(RANGES).between(
        1, 2, {("payments", 0): 3, ("payments", 1): 2}, {("payments", 0): 99, ("payments", 1): 1}
    )

    assert [span[2:] for span in scope.ranges] == [(10, 20), (2, 2)]
    assert scope.kind == RANGE


def test_check_goes_on_behind_what_was_proven() -> None:
    scope = Scope.full(RANGES).from_proven({("payments", 0): 15})

    assert [span[2:] for span in scope.ranges] == [(15, 20), (0, 5)]
    assert scope.unproven == ()


def test_topic_that_ends_before_what_was_proven_is_another_one() -> None:
    with pytest.raises(CannotCheck, match=r"payments\[0\] ends at offset 20, but was proven up to"):
        Scope.full(RANGES).from_proven({("payments", 0): 21})


def test_control_records_that_expired_before_they_were_proven_are_told() -> None:
    world = World(start=10)
    world.send()
    scope = Scope.full(world.ranges()).from_proven({("payments", 0): 7})
    truth = world.read(scope.ranges)

    report = audit(truth, tables_of_range(world.rows(), truth), scope=scope)

    assert failed(report) == {"unbroken"}
    assert report.problems == ["unbroken: payments[0] 7..9 expired before it was proven"]


def test_control_records_that_expired_while_they_were_read_are_told() -> None:
    world = World()
    for number in range(4):
        world.send(transaction_id=f"tx-{number}")
    scope = Scope.full(world.ranges()).from_proven({("payments", 0): 1})
    truth = world.read(scope.ranges)
    truth.partitions["payments", 0].forget_below(3)

    report = audit(truth, tables_of_range(world.rows(), truth), scope=scope)

    assert report.problems == ["unbroken: payments[0] 1..2 expired before it was proven"]
    assert report.document()["checked"]["ranges"][0]["start"] == 3


def test_notes_say_which_offsets_and_what_lies_outside() -> None:
    world = World()
    world.send()
    world.send(at_sec=1)
    scope = Scope.full(world.ranges()).between(
        payments.START_US + 1, None, {("payments", 0): 1}, {}
    )
    truth = world.read(scope.ranges)
    found = tables_of_range(world.rows(), truth)._replace(outside=Outside(expired=1, newer=2))

    report = audit(truth, found, scope=scope)

    assert report.notes == (
        "only records that arrived from 2026-01-01T00:00:00.000001Z until now were checked: "
        "payments[0] 1 to 2, payments[1] 0 to 0 (end exclusive)",
        "1 rows are of records before the checked range",
        "2 rows are of records that arrived after the checked range",
    )


# --- What was proven ------------------------------------------------------------------------------


def verdict(scope: str, start: int, end: int, partition: int = 0) -> tuple[str, str]:
    span = {"topic": "payments", "partition": partition, "start": start, "end": end}
    return scope, orjson.dumps([{**span, "proven_end": end}]).decode()


@pytest.mark.parametrize(
    ("verdicts", "ends"),
    [
        ([], {}),
        ([verdict(FULL, 0, 9)], {0: 9}),
        ([verdict(FULL, 0, 9), verdict(INCREMENTAL, 9, 12)], {0: 12}),
        ([verdict(RANGE, 5, 9)], {}),  # what lies before was never proven
        ([verdict(FULL, 0, 9), verdict(RANGE, 20, 30)], {0: 9}),  # a hole between
        ([verdict(FULL, 0, 9), verdict(RANGE, 7, 12)], {0: 12}),
        ([verdict(FULL, 0, 9), verdict(RANGE, 2, 5)], {0: 9}),
        ([verdict(FULL, 0, 9), verdict(FULL, 0, 3)], {0: 3}),  # another topic by this name
        ([verdict(FULL, 0, 9), verdict(FULL, 0, 3, partition=1)], {0: 9, 1: 3}),
    ],
)
def test_proof_has_come_as_far_as_there_is_no_hole(verdicts, ends) -> None:
    assert proven(verdicts) == {("payments", number): end for number, end in ends.items()}


def test_row_of_the_audit_log_has_every_column() -> None:
    world = World()
    place = world.send()
    report = world.audit(without(world.rows(), place))
    began = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    row = row_of(report, LIMITS, began, began + dt.timedelta(seconds=2))

    assert sorted(row) == sorted(RECONCILIATIONS.column_names)
    assert (row["verdict"], row["missing"], row["duration_sec"]) == ("not_reconciled", 1, 2.0)
    assert orjson.loads(row["problems"])[0] == "missing: payments[0] 0..0: 1 records in no table"
    assert orjson.loads(row["sums"]) == []
    assert (row["allowed_lateness_sec"], row["clock_skew_sec"]) == (3_600, 300)


# --- Progress -------------------------------------------------------------------------------------


def test_progress_says_rate_and_time_left() -> None:
    told: list[str] = []
    seconds = iter([0.0, 2.0, 6.0, 7.0])
    progress = Progress(told.append, "records read", 1_000_000, clock=lambda: next(seconds))

    for _ in range(3 * 4_096):
        progress.step()

    assert told == ["8192 of 1000000 records read, 1365 a second, 12 min left at most"]

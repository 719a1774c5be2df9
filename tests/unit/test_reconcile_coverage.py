"""Every record in exactly one table: what is missing, double or unknown is found and named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.reconcile.rows import AcceptedRow, Outside
from operations.reconcile.truth import Limits, OffsetRange, Place, Truth
from operations.runs import limits as runs_limits
from tests.support import payments
from tests.support.reconcile_world import (
    HORIZON_SEC,
    LIMITS,
    World,
    changed,
    failed,
    interleavings,
    row_at,
    with_facts,
    without,
)
from transforms.codecs.contract import document, named
from transforms.payment.arrival import BOUNDED_CREATE, Arrival
from transforms.payment.outcome import Outcome


def world_of_five_outcomes() -> World:
    world = World()
    world.send(0, transaction_id="tx-1")
    world.send(1, transaction_id="tx-1", at_sec=1)
    world.send(1, transaction_id="tx-1", at_sec=2, amount_minor=9)
    world.send(0, at_sec=3, transaction_id="tx-2", event_time="2025-12-31T20:00:00Z")
    world.send_bytes(b"{", at_sec=4)
    world.send(1, at_sec=5, transaction_id="tx-3", currency="JPY")
    return world


def test_right_tables_are_balanced() -> None:
    report = world_of_five_outcomes().audit()

    assert report.problems == []
    assert report.balanced
    assert report.counts.outcomes == {
        Outcome.ACCEPTED: 2,
        Outcome.DUPLICATE: 1,
        Outcome.CONFLICT: 1,
        Outcome.LATE: 1,
        Outcome.INVALID: 1,
        Outcome.SKIPPED: 0,
    }


def test_record_in_no_table_is_missing() -> None:
    world = World()
    places = [world.send(transaction_id=f"tx-{number}") for number in range(9)]

    report = world.audit(without(world.rows(), *places[2:5], places[7]))

    assert report.missing == 4
    assert {"missing", "conservation"} <= failed(report)
    assert "missing: payments[0] 2..4: 3 records in no table" in report.problems
    assert "missing: payments[0] 7..7: 1 records in no table" in report.problems
    assert [(line.missing, line.records) for line in report.partitions] == [(4, 9), (0, 0)]


def test_missing_record_hidden_by_a_double_row_is_found() -> None:
    world = World()
    places = [world.send(transaction_id=f"tx-{number}") for number in range(3)]
    rows = world.rows()

    report = world.audit([*without(rows, places[1]), row_at(rows, places[0])])

    assert (report.missing, report.double) == (1, 1)
    assert "conservation" not in failed(report)  # three rows for three records
    assert not report.balanced


def test_offsets_of_transaction_markers_are_not_missing() -> None:
    world = World()
    world.send(transaction_id="tx-1")
    world.marker()
    world.send(transaction_id="tx-2")
    world.marker()

    report = world.audit()

    assert report.balanced
    assert report.partitions[0][2:5] == (2, 0, 2)  # two records, offsets 0 and 2


def test_markers_do_not_split_a_gap() -> None:
    world = World()
    first = world.send(transaction_id="tx-1")
    world.marker()
    second = world.send(transaction_id="tx-2")

    report = world.audit(without(world.rows(), first, second))

    assert [tuple(gap) for gap in report.partitions[0].gaps] == [(0, 2, 2)]


def test_row_at_the_offset_of_a_marker_is_unknown() -> None:
    world = World()
    place = world.send(transaction_id="tx-1")
    marker = world.marker()
    rows = world.rows()
    stray = row_at(rows, place)._replace(place=place._replace(offset=marker))

    report = world.audit([*rows, stray])

    assert report.counts.unknown == 1
    assert {"unknown", "conservation"} <= failed(report)
    assert f"unknown: payments[0]@{marker} is in accepted; Kafka holds no record there" in (
        report.problems
    )


def test_row_written_twice_is_double() -> None:
    world = World()
    place = world.send()
    rows = world.rows()

    report = world.audit(rows * 3)

    assert report.double == 2  # not four: an id repeated at the same offset is the same fault
    assert {"double", "conservation", "sums"} <= failed(report)
    assert f"double: {place} is accepted and again accepted" in report.problems
    assert report.partitions[0].double == 2


def test_record_in_two_tables_is_double() -> None:
    world = World()
    world.send(0)
    copy = world.send(1, at_sec=1)
    rows = world.rows()
    again = row_at(rows, copy)._replace(outcome=Outcome.ACCEPTED, first=None)

    report = world.audit([*rows, again])

    assert report.double == 1  # one row too many, though it breaks two rules
    assert {"double", "distinct ids"} <= failed(report)
    assert f"double: {copy} is duplicate and again accepted" in report.problems


def test_row_of_a_partition_that_does_not_exist_is_unknown() -> None:
    world = World()
    place = world.send()
    rows = world.rows()
    stray = row_at(rows, place)._replace(place=place._replace(partition=17))

    assert "unknown" in failed(world.audit([*rows, stray]))


def test_row_beyond_the_end_of_the_topic_is_unknown() -> None:
    world = World()
    world.send()

    report = world.audit(outside=Outside(beyond_end=[Place("payments", 0, 99)]))

    assert failed(report) == {"unknown"}
    assert report.problems == [
        "unknown: payments[0]@99 is in a table; Kafka has not reached that offset"
    ]


def test_expired_newer_and_foreign_rows_are_told_but_no_failure() -> None:
    world = World(start=100)
    world.send()

    report = world.audit(outside=Outside(expired=100, other_topics=2, newer=3))

    assert report.balanced
    assert report.notes == (
        "100 rows are of records that Kafka has deleted since (expired)",
        "3 rows are of records that arrived after this check began",
        "2 rows are of other topics",
    )


def test_what_expires_while_it_is_read_is_left_out() -> None:
    world = World()
    for number in range(4):
        world.send(transaction_id=f"tx-{number}")
    truth = world.truth()

    truth.partitions["payments", 0].forget_below(2)

    assert truth.records == 2
    assert truth.ranges[0] == OffsetRange("payments", 0, 2, 4)
    assert [entry.place.offset for _, entry in truth.entries()] == [2, 3]


def test_empty_topic_is_balanced_and_says_that_nothing_is_proven() -> None:
    report = World().audit()

    assert report.balanced
    assert report.notes == ("Kafka holds no record in the checked ranges: nothing is proven",)


@pytest.mark.parametrize("after_sec", [1, HORIZON_SEC], ids=["at once", "at the horizon"])
def test_id_accepted_twice_within_the_horizon_is_double(after_sec: int) -> None:
    world = World()
    first = world.send(0)
    second = world.send(1, at_sec=after_sec)
    rows = changed(
        world.rows(), second, lambda row: row._replace(outcome=Outcome.ACCEPTED, first=None)
    )

    report = world.audit(rows)

    assert report.double == 1
    assert failed(report) == {"distinct ids", "outcomes"}
    assert f"distinct ids: tx-1: accepted at {first} and at {second}" in report.problems


def test_id_accepted_again_beyond_the_horizon_is_legal_and_told() -> None:
    world = World()
    world.send(at_sec=0)
    world.send(at_sec=HORIZON_SEC + 1)

    report = world.audit()

    assert report.balanced
    [check] = [check for check in report.checks if check.name == "distinct ids"]
    assert check.numbers == (
        "COUNT(*) = 2, COUNT(DISTINCT transaction_id) = 1, 1 accepted again beyond the horizon"
    )


def test_id_accepted_again_after_its_first_record_expired_is_double() -> None:
    world = World(start=50)
    place = world.send(at_sec=10)
    history = [
        AcceptedRow("tx-1", payments.START_US, Place("payments", 0, 49)),
        AcceptedRow("tx-1", payments.START_US + 10 * payments.SECOND_US, place),
    ]

    report = world.audit(repeated=history)

    assert failed(report) == {"distinct ids"}
    assert report.double == 1


def test_each_epoch_counts_from_its_own_first_record() -> None:
    world = World()
    rows = []
    for at_sec in (0, HORIZON_SEC + 1, HORIZON_SEC + 2):
        place = world.send(at_sec=at_sec)
        row = row_at(World.rows(world), place)
        rows.append(row._replace(outcome=Outcome.ACCEPTED, first=None))

    assert world.audit(rows).double == 1


def test_truth_knows_what_the_check_reaches() -> None:
    truth = Truth([OffsetRange("payments", 0, 10, 20)], LIMITS)

    reached = [truth.reach(Place("payments", 0, offset)).value for offset in (9, 10, 19, 20)]

    assert reached == ["expired", "checked", "checked", "newer"]
    assert truth.reach(Place("payments", 1, 10)).value == "nowhere"
    assert truth.reach(Place("refunds", 0, 10)).value == "other topic"


SENDS = st.lists(
    st.tuples(
        st.sampled_from(["tx-1", "tx-2"]),
        st.integers(0, 1),  # partition
        st.sampled_from([1, 2]),  # amount_minor
        st.sampled_from([0, 60, HORIZON_SEC + 90]),  # arrival, in order below
    ),
    min_size=1,
    max_size=5,
)


@given(sends=SENDS, data=st.data())
def test_any_reading_order_is_balanced_and_any_tampering_is_not(sends: list, data) -> None:
    world = World()
    for transaction_id, partition, amount, at_sec in sorted(sends, key=lambda send: send[3]):
        world.send(partition, at_sec, transaction_id=transaction_id, amount_minor=amount)
    places = [Place(*record[:3]) for record in world.records]
    rows = world.rows(data.draw(st.sampled_from(interleavings(places))))
    victim = data.draw(st.sampled_from(places))

    assert world.audit(rows).problems == []
    assert world.audit(without(rows, victim)).missing == 1
    assert world.audit([*rows, row_at(rows, victim)]).double == 1
    assert not world.audit(changed(rows, victim, with_facts(amount_minor=3))).balanced


def test_limits_of_a_run_are_taken_whole() -> None:
    """A reader who left one out would judge records by another horizon, or as another payment."""
    said = document.document_of(named.named("stripe", lambda _: b""))
    found = runs_limits.Limits(7_200, 60, Arrival(BOUNDED_CREATE, 90), said)

    taken = Limits.of(found)

    assert taken.horizon_us == (7_200 + 60 + 90) * 1_000_000
    assert taken.arrival == found.arrival
    assert taken.decoder.contract.name == "stripe"

"""Ranges of skipped records: right ones balance, and each way to be wrong is found."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from operations.reconcile.audit import audit
from operations.reconcile.ledger import Ledger
from operations.reconcile.report import Report
from operations.reconcile.rows import DeadLetterRow, PaymentRow, Row, SkippedRow
from operations.reconcile.scope import Scope
from operations.reconcile.skipped_ranges import Span
from operations.reconcile.truth import OffsetRange, Place
from tests.support import contracts
from tests.support.reconcile_world import World, failed, tables, tables_of_range, without
from transforms.payment.outcome import Outcome

CONTRACT = contracts.contract(
    keep=[{"at": "state", "in": ["done"], "skip": ["open", "failed"]}], tombstones="skip"
)
# Of one partition, in batches of four: what lies between two records that a rule skips, and next to
# each end.
STATES = ["done", "open", "done", "open", "open", None, "open", "failed", "strange", "done"]


def world_of(*states: str | None) -> World:
    world = World(contract=CONTRACT)
    for number, state in enumerate(states or STATES):
        for partition in (0, 1):
            payload = None
            if state is not None:
                payload = contracts.payload(
                    id=f"tx-{partition}-{number}", state=state, time="2026-01-01T00:00:00Z"
                )
            world.send_bytes(payload, partition, at_sec=number)
    return world


def ranges(rows: list[Row]) -> list[SkippedRow]:
    return sorted(row for row in rows if isinstance(row, SkippedRow))


def test_right_ranges_balance() -> None:
    report = world_of().audit()

    assert report.problems == []
    assert report.last_line() == (
        "reconciled: read=20 accepted=6 duplicate=0 conflict=0 late=0 invalid=2 skipped=12 "
        "missing=0 double=0"
    )


Change = Callable[[SkippedRow], list[Row]]


def changed(**span: int | str) -> Change:
    return lambda row: [row._replace(span=row.span._replace(**span))]


def moved(by: int) -> Change:
    return lambda row: [
        row._replace(
            place=row.place._replace(offset=row.place.offset + by),
            span=row.span._replace(last_offset=row.span.last_offset + by),
        )
    ]


def with_first(change: Change) -> Report:
    """Returns the report where the range of offsets 1 and 3, with a payment between, is changed."""
    world = world_of()
    rows = world.rows()
    first = ranges(rows)[0]
    assert (first.place, first.span[:3:2]) == (Place("payments", 0, 1), (3, 2))
    return world.audit([*(row for row in rows if row is not first), *change(first)])


@pytest.mark.parametrize(
    ("change", "missing", "double", "unknown"),
    [
        (lambda row: [], 2, 0, 0),
        (lambda row: [row, row], 0, 2, 0),
        (changed(record_count=1), 1, 0, 0),
        (changed(record_count=3), 0, 0, 1),
        (changed(record_count=0), 2, 0, 0),
        (moved(-1), 1, 0, 1),
        (moved(1), 1, 1, 0),
        (moved(4), 2, 1, 1),
        (changed(rule="another"), 2, 0, 2),
        (changed(last_offset=1), 1, 0, 1),
        (changed(last_offset=4), 1, 1, 0),
        (changed(last_offset=0), 2, 0, 2),
        (lambda row: [row._replace(place=Place("payments", 7, 1))], 2, 0, 2),
    ],
    ids=[
        *("deleted", "doubled", "fewer", "more", "none", "moved-down", "moved-up", "moved-away"),
        *("another-rule", "shorter", "longer", "backwards", "nowhere"),
    ],
)
def test_control_a_wrong_range_is_found(
    change: Change, missing: int, double: int, unknown: int
) -> None:
    report = with_first(change)

    assert not report.balanced
    assert report.counts[2:] == (missing, double, unknown), report.text()


def test_control_ends_of_a_range_are_records_that_the_rule_skips_and_its_times_theirs() -> None:
    stretched = with_first(lambda row: [row._replace(place=row.place._replace(offset=0))])
    assert failed(stretched) == {"skipped"}
    assert "but not payments[0]@0" in stretched.problems[0]

    late = with_first(lambda row: changed(last_broker_time_us=row.span.broker_time_us)(row))
    assert failed(late) == {"skipped"}
    assert "payments[0]@3 broker_time: Kafka says" in late.problems[0]


def test_control_a_skipped_record_with_a_row_and_a_payment_without_one_are_found() -> None:
    world = world_of()
    rows = world.rows()
    paid = next(row for row in rows if row.place == Place("payments", 0, 0))
    also_paid = paid._replace(place=Place("payments", 0, 1))

    report = world.audit([*rows, also_paid])

    assert (report.counts.double, "outcomes" in failed(report)) == (1, True)
    assert "payments[0]@1 is accepted and again skipped" in " ".join(report.problems)
    assert "payments[0]@1 is accepted, but skipped by " in " ".join(report.problems)
    assert world.audit(without(rows, Place("payments", 0, 0))).missing == 1


def test_each_loss_of_counted_rows_shows_whatever_is_done_to_ranges() -> None:
    """However ranges are deleted, doubled, cut, joined or moved: right ones alone balance."""
    chance = random.Random(5)
    states = chance.choices(["open", "failed", None, "done"], k=40)
    world = world_of(*states)
    rows = world.rows()
    right = sorted(map(str, rows))
    for _ in range(300):
        victim = chance.choice(ranges(rows))
        offsets = chance.choices(range(-2, 3), k=3)
        span = victim.span._replace(
            last_offset=victim.span.last_offset + offsets[1],
            record_count=victim.span.record_count + offsets[2],
        )
        place = victim.place._replace(offset=victim.place.offset + offsets[0])
        # What reaches beyond Kafka's end is found by SQL (test_reconcile_sides.py).
        moved = [SkippedRow(place, span)] if span.last_offset < len(states) else []
        put = chance.choice([[], [victim, victim], moved])
        tampered = [*(row for row in rows if row is not victim), *put]
        assert world.audit(tampered).balanced is (sorted(map(str, tampered)) == right)


# --- A part of the topic --------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "end"), itertools.combinations(range(11), 2))
def test_any_part_of_a_topic_balances_and_the_next_begins_where_a_range_does(
    start: int, end: int
) -> None:
    world = world_of()
    spans = [OffsetRange("payments", partition, start, end) for partition in (0, 1)]
    truth = world.read(spans)

    report = audit(truth, tables_of_range(world.rows(), truth), (), Scope.full(spans))

    assert report.balanced, report.text()
    skipped = sum(Outcome.SKIPPED is entry.decided for _, entry in truth.entries())
    assert report.counts.outcomes[Outcome.SKIPPED] == skipped
    assert report.scope is not None
    reaching = [
        row.place.offset
        for row in ranges(world.rows())
        if row.place.partition == 0
        and row.place.offset < end <= row.span.last_offset
        and row.span.last_offset >= start
    ]
    proven = report.scope.proven_ends.get(("payments", 0), end)
    assert proven == min([end, *reaching])


def test_control_a_range_that_reaches_beyond_the_check_is_bound_by_what_it_could_hold() -> None:
    world = world_of(*["open"] * 8)
    spans = [OffsetRange("payments", partition, 2, 8) for partition in (0, 1)]
    truth = world.read(spans)
    rows = [row for row in ranges(world.rows()) if row.place != Place("payments", 0, 0)]
    for count, balanced in ((1, False), (2, True), (4, True), (5, False)):
        span = ranges(world.rows())[0].span._replace(record_count=count)
        reaching = SkippedRow(Place("payments", 0, 0), span)

        report = audit(truth, tables([*rows, reaching]), (), Scope.full(spans))

        assert report.balanced is balanced, (count, report.text())


def test_rules_do_not_disturb_each_other() -> None:
    """A range of one rule may lie within that of another."""
    world = world_of("open", "failed", "failed", "open")

    report = world.audit()

    assert report.balanced and len(ranges(world.rows())) == 4
    assert {row.span.rule for row in ranges(world.rows())} == {
        entry.content.rule for _, entry in world.truth().entries()
    }
    assert isinstance(ranges(world.rows())[0].span, Span)


# --- The ledger -----------------------------------------------------------------------------------


def ledger_of(world: World, path: Path, skipped: str = "skipped", offsets: bool = True) -> Ledger:
    """Returns the ledger of an honest sender, unless it says something else of what is skipped."""
    lines = []
    outcomes = {entry.place: entry for _, entry in world.truth().entries()}
    rows = {row.place: row for row in world.rows() if not isinstance(row, SkippedRow)}
    names = ("transaction_id", "account_id", "merchant_id", "amount_minor", "currency")
    for record in world.records:
        place = Place(*record[:3])
        entry, row = outcomes[place], rows.get(place)
        line = dict.fromkeys((*names, "event_time", "reason"))
        line |= {"topic": place.topic, "partition": place.partition, "offset": place.offset}
        line |= {"key": "key", "expected": skipped}
        if isinstance(row, PaymentRow):
            line |= {name: getattr(row.transaction, name) for name in names}
            line |= {"event_time": "2026-01-01T00:00:00Z", "expected": row.outcome.value}
        elif isinstance(row, DeadLetterRow):
            line |= {"expected": "invalid", "reason": row.reason}
        elif not offsets:
            line["offset"] = None
        assert entry.place == place
        lines.append(orjson.dumps(line) + b"\n")
    path.write_bytes(b"".join(lines))
    return Ledger(path)


@pytest.mark.parametrize("offsets", [True, False], ids=["acknowledged", "never acknowledged"])
def test_ledger_agrees_with_what_is_skipped(tmp_path: Path, offsets: bool) -> None:
    world = world_of()

    report = world.audit(ledgers=[ledger_of(world, tmp_path / "ledger", offsets=offsets)])

    assert report.balanced, report.text()


def test_control_ledger_that_calls_a_skipped_record_something_else_does_not(
    tmp_path: Path,
) -> None:
    world = world_of()

    report = world.audit(ledgers=[ledger_of(world, tmp_path / "ledger", skipped="late")])

    assert failed(report) == {"ledger outcomes"}
    assert "must be late by the ledger, is skipped" in report.problems[0]

"""On disk as in memory: small random books, right and tampered with, by both ways the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.reconcile import sorted_runs
from operations.reconcile.audit import audit
from operations.reconcile.checks import EXAMPLES_MAX
from operations.reconcile.ledger import LedgerEntry, SentFacts
from operations.reconcile.report import Report
from operations.reconcile.rows import DeadLetterRow, First, PaymentRow, Row
from operations.reconcile.scope import INCREMENTAL, Scope
from operations.reconcile.truth import OffsetRange, Place
from tests.support.reconcile_reference.audit import audit as reference_audit
from tests.support.reconcile_reference.truth import Truth as ReferenceTruth
from tests.support.reconcile_world import (
    HORIZON_SEC,
    LIMITS,
    World,
    tables,
    tables_of_range,
)
from transforms.payment.outcome import Outcome

SEEDS = st.integers(0, 2**32)


def random_world(chance: random.Random) -> World:
    """Returns up to 30 records of few ids: copies, conflicts, late and invalid ones, markers."""
    world = World(start=chance.choice([0, 7]))
    at_sec = 0.0
    for _ in range(chance.randint(0, 30)):
        at_sec += chance.choice([0, 1, 60, 600, HORIZON_SEC])
        partition = chance.randint(0, 1)
        kind = chance.random()
        if kind < 0.06:
            world.marker(partition)
        elif kind < 0.14:
            world.send_bytes(chance.choice([b"{", None, b"x" * 9]), partition, at_sec)
        else:
            late = {"event_time": "2025-12-31T20:00:00Z"} if kind > 0.93 else {}
            world.send(
                partition,
                at_sec,
                transaction_id=f"tx-{chance.randint(1, 6)}",
                amount_minor=chance.choice([100, 100, 250]),
                currency=chance.choice(["EUR", "EUR", "JPY"]),
                **late,
            )
    return world


def random_order(world: World, chance: random.Random) -> list[Place]:
    """Returns an order of reading that is true to each partition."""
    queues: list[list[Place]] = [[], []]
    for record in world.records:
        queues[record.partition].append(Place(*record[:3]))
    order = []
    while any(queues):
        order.append(chance.choice([queue for queue in queues if queue]).pop(0))
    return order


def tampered(rows: list[Row], chance: random.Random) -> list[Row]:
    """Returns the rows with one fault."""
    if not rows:
        return rows
    rows = list(rows)
    number = chance.randrange(len(rows))
    row = rows[number]
    fault = chance.choice(["lost", "twice", "stray", "changed", "changed", "changed"])
    if fault == "lost":
        del rows[number]
    elif fault == "twice":
        rows.insert(chance.randrange(len(rows)), row)
    elif fault == "stray":
        offset = row.place.offset + chance.randint(-2, 2)
        place = row.place._replace(partition=chance.choice([0, 1, 9]), offset=offset)
        rows.append(row._replace(place=place))
    elif isinstance(row, DeadLetterRow):
        change = {"reason": "not_json"}, {"payload": b"?"}, {"key": None}, {"broker_time_us": 5}
        rows[number] = row._replace(**chance.choice(change))
    else:
        rows[number] = changed_payment(row, rows, chance)
    return rows


def changed_payment(row: PaymentRow, rows: list[Row], chance: random.Random) -> Row:
    """Returns the row of a payment with one fault."""
    arrival_us = row.transaction.broker_time_us
    named = chance.choice([other for other in rows if isinstance(other, PaymentRow)])
    first = First(named.place, named.transaction.broker_time_us + chance.choice([0, 0, 1]))
    fields = {"amount_minor": 1}, {"transaction_id": "tx-1"}, {"broker_time_us": 1}
    return chance.choice(
        [
            row._replace(amount=row.amount + Decimal("0.01")),
            row._replace(transaction=row.transaction._replace(**chance.choice(fields))),
            row._replace(outcome=chance.choice([Outcome.ACCEPTED, Outcome.LATE])),
            DeadLetterRow(row.place, arrival_us, "not_json", None, b""),
            row._replace(outcome=Outcome.DUPLICATE, first=first),
            row._replace(outcome=Outcome.CONFLICT, first=first),
        ]
    )


class ListLedger:
    """A ledger that is no file."""

    def __init__(self, entries: list[LedgerEntry], partial: bool, cut_short: bool) -> None:
        self._entries = entries
        self.partial = partial
        self.cut_short = cut_short

    def entries(self) -> Iterator[LedgerEntry]:
        yield from self._entries


def entry_of(row: Row) -> LedgerEntry:
    """Returns what an honest sender wrote down of the record."""
    if not isinstance(row, PaymentRow):
        facts = SentFacts(*[None] * 6)
        return LedgerEntry(*row.place, b"key", facts, Outcome.INVALID, row.reason)
    paid = row.transaction
    facts = SentFacts(*paid[:3], paid.amount_minor, paid.currency, paid.event_time_us)
    return LedgerEntry(*row.place, b"key", facts, row.outcome, None)


def tampered_entry(entry: LedgerEntry, chance: random.Random) -> list[LedgerEntry]:
    """Returns what is written down of a record, as a rule what an honest sender would."""
    if chance.random() > 0.2:
        return [entry]
    return chance.choice(
        [
            [entry._replace(offset=None)],
            [entry._replace(expected=chance.choice(list(Outcome)))],
            [entry._replace(offset=entry.offset + chance.randint(1, 40))],
            [entry._replace(facts=entry.facts._replace(account_id="acc-9"))],
            [],
            [entry, entry],
        ]
    )


def random_ledgers(rows: list[Row], chance: random.Random) -> list[Any]:
    """Returns one or two ledgers, honest but for some faults."""
    entries = [each for row in rows for each in tampered_entry(entry_of(row), chance)]
    if chance.random() < 0.5:
        return [ListLedger(entries, False, chance.random() < 0.2)]
    cut = chance.randint(0, len(entries))
    return [
        ListLedger(entries[cut:], False, False),
        ListLedger(entries[:cut], True, chance.random() < 0.5),
    ]


def in_memory(world: World, rows: list[Row], ledgers: list[Any]) -> Report:
    """Returns the report of the reference."""
    truth = ReferenceTruth(world.ranges(), LIMITS)
    for record in world.records:
        truth.add(record)
    return reference_audit(truth, tables(rows), ledgers)


def answers(report: Report) -> dict[str, Any]:
    """Returns all that both ways must agree on; examples only where they are all."""
    return {
        "counts": report.counts,
        "partitions": report.partitions,
        "currencies": report.currencies,
        "last line": report.last_line(),
        "notes": set(report.notes),
        "checks": [
            (
                check.name,
                check.failures,
                check.numbers,
                set(check.examples) if check.failures <= EXAMPLES_MAX else None,
            )
            for check in report.checks
        ],
    }


@pytest.fixture(params=[1_500, 1 << 20], ids=["runs of four", "no run"])
def run_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the sorters write to disk after so many bytes."""
    monkeypatch.setattr(sorted_runs, "RUN_BYTES", request.param)


@pytest.mark.usefixtures("run_bytes")
class TestSameAsInMemory:
    """Both ways, once for each length of the runs on disk."""

    @settings(max_examples=60, deadline=None)
    @given(seed=SEEDS, faults=st.integers(0, 4), with_ledgers=st.booleans())
    def test_same_answers(self, seed: int, faults: int, with_ledgers: bool) -> None:
        chance = random.Random(seed)
        world = random_world(chance)
        rows = world.rows(random_order(world, chance))
        ledgers = random_ledgers(rows, chance) if with_ledgers else []
        for _ in range(faults):
            rows = tampered(rows, chance)

        found = world.audit(rows, ledgers=ledgers)

        assert answers(found) == answers(in_memory(world, rows, ledgers))
        if not faults and not with_ledgers:
            assert found.balanced


@settings(max_examples=150, deadline=None)
@given(seed=SEEDS, faults=st.integers(0, 2))
def test_two_ranges_find_what_the_whole_finds(seed: int, faults: int) -> None:
    chance = random.Random(seed)
    world = random_world(chance)
    rows = world.rows(random_order(world, chance))
    for _ in range(faults):
        rows = tampered(rows, chance)
    ranges = world.ranges()
    cuts = [chance.randint(span.start, span.end) for span in ranges]
    whole = Scope.full(ranges)

    def report_of(part: list[OffsetRange]) -> Report:
        truth = world.read(part)
        scope = Scope(tuple(part), whole.retained, INCREMENTAL)
        return audit(truth, tables_of_range(rows, truth), scope=scope)

    before = report_of([span._replace(end=cut) for span, cut in zip(ranges, cuts, strict=True)])
    proven = {
        (span["topic"], span["partition"]): span["proven_end"]
        for span in before.scope.document()["ranges"]
    }
    after = report_of(list(whole.from_proven(proven).ranges))

    everything = audit(world.truth(), tables_of_range(rows, world.truth()))
    assert (before.balanced and after.balanced) is everything.balanced
    assert before.counts.read + after.counts.read >= len(world.records)

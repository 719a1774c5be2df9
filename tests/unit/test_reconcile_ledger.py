"""Every record ended as its sender meant it to, or swapped with a copy as partitions allow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from operations.reconcile.ledger import Ledger
from operations.reconcile.report import Report
from operations.reconcile.rows import PaymentRow
from operations.reconcile.truth import Place
from tests.support.reconcile_world import World, changed, failed, without
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord

CHECKS = {"ledger in Kafka", "ledger outcomes"}


def lines(world: World) -> list[dict[str, Any]]:
    """Returns the ledger of an honest sender, in the order of sending."""
    rows = {row.place: row for row in world.rows()}
    return [
        _line(number, record, rows[Place(*record[:3])])
        for number, record in enumerate(world.records)
    ]


def _line(number: int, record: KafkaRecord, row: Any) -> dict[str, Any]:
    payment = isinstance(row, PaymentRow)
    facts = orjson.loads(record.payload) if payment else {}
    names = ("transaction_id", "account_id", "merchant_id", "amount_minor", "currency")
    return {
        "n": number,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key.decode(),
        **{name: facts.get(name) for name in (*names, "event_time")},
        "expected": row.outcome.value if payment else "invalid",
        "reason": None if payment else row.reason,
        "fault": "none",
    }


@pytest.fixture
def ledger(tmp_path: Path):
    """Returns a function that writes entries as a ledger."""

    def write(entries: list[dict[str, Any]], tail: bytes = b"", partial: bool = False) -> Ledger:
        path = tmp_path / f"ledger-{len(list(tmp_path.iterdir()))}.jsonl"
        path.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in entries) + tail)
        return Ledger(path, partial)

    return write


def world_of_copies() -> World:
    world = World()
    world.send(0, transaction_id="tx-1")
    world.send(1, transaction_id="tx-1", at_sec=1)
    world.send(0, transaction_id="tx-2", at_sec=2)
    world.send(0, transaction_id="tx-2", at_sec=3, amount_minor=9)
    world.send_bytes(b"{", at_sec=4)
    world.send(1, at_sec=5, transaction_id="tx-3", event_time="2025-12-31T20:00:00Z")
    return world


def numbers_of(report: Report, name: str) -> str:
    return next(check.numbers for check in report.checks if check.name == name)


def test_honest_ledger_agrees(ledger) -> None:
    world = world_of_copies()

    report = world.audit(ledgers=[ledger(lines(world))])

    assert report.problems == []
    assert {check.name for check in report.checks} >= CHECKS
    assert numbers_of(report, "ledger outcomes") == "6 entries, 0 swapped"


def test_several_ledgers_name_the_records_together(ledger) -> None:
    world = world_of_copies()
    entries = lines(world)

    assert world.audit(ledgers=[ledger(entries[:2]), ledger(entries[2:])]).balanced


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "late"),
        (1, "invalid"),
        (2, "conflict"),  # the first of its id, on one partition
        (3, "accepted"),
        (3, "duplicate"),
        (4, "accepted"),
        (4, "late"),
        (5, "accepted"),
        (5, "invalid"),
    ],
)
def test_unexpected_outcome_is_found(ledger, number: int, expected: str) -> None:
    world = world_of_copies()
    entries = lines(world)
    entries[number]["expected"] = expected

    report = world.audit(ledgers=[ledger(entries)])

    assert failed(report) == {"ledger outcomes"}


def test_wrong_reason_is_found(ledger) -> None:
    world = world_of_copies()
    entries = lines(world)
    entries[4]["reason"] = "too_large"

    report = world.audit(ledgers=[ledger(entries)])

    assert failed(report) == {"ledger outcomes"}
    assert report.problems == ["ledger outcomes: payments[0]@3 must be too_large, is not_json"]


def test_swapped_copies_on_two_partitions_are_legal_and_counted(ledger) -> None:
    world = world_of_copies()
    order = [Place(*record[:3]) for record in world.records]
    order[:2] = reversed(order[:2])

    report = world.audit(world.rows(order), ledgers=[ledger(lines(world))])

    assert report.problems == []
    assert "2 records changed places with a copy, legally" in report.notes
    assert numbers_of(report, "ledger outcomes") == "6 entries, 2 swapped"


def test_swapped_copies_on_one_partition_are_found(ledger) -> None:
    world = World()
    first, second = world.send(), world.send(at_sec=1)

    report = world.audit(world.rows([second, first]), ledgers=[ledger(lines(world))])

    assert failed(report) == {"outcomes", "ledger outcomes"}


def test_wrong_outcome_is_no_swap_even_with_copies_on_two_partitions(ledger) -> None:
    world = World()
    world.send(0)
    copy = world.send(1, at_sec=1, amount_minor=9)
    rows = changed(world.rows(), copy, lambda row: row._replace(outcome=Outcome.DUPLICATE))

    report = world.audit(rows, ledgers=[ledger(lines(world))])

    assert failed(report) == {"outcomes", "ledger outcomes"}


def test_ledger_that_expects_the_later_copy_of_a_partition_is_contradicted(ledger) -> None:
    world = World()
    world.send()
    world.send(at_sec=1)
    entries = lines(world)
    entries[0]["expected"], entries[1]["expected"] = "duplicate", "accepted"

    assert failed(world.audit(ledgers=[ledger(entries)])) == {"ledger outcomes"}


def test_record_that_was_acknowledged_and_is_not_in_kafka_is_found(ledger) -> None:
    world = world_of_copies()
    world.marker(0)
    entries = lines(world)
    entries.append({**entries[0], "offset": 4})  # the marker's

    report = world.audit(ledgers=[ledger(entries)])

    assert failed(report) == {"ledger in Kafka"}
    assert report.problems == [
        "ledger in Kafka: payments[0]@4 was acknowledged, but Kafka holds no record there"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("transaction_id", "tx-9"),
        ("account_id", "acc-9"),
        ("merchant_id", "shop-9"),
        ("amount_minor", 1),
        ("currency", "USD"),
        ("event_time", "2026-01-01T00:00:01Z"),
    ],
)
def test_payload_that_is_not_what_was_sent_is_found(ledger, name: str, value: Any) -> None:
    world = world_of_copies()
    entries = lines(world)
    entries[0][name] = value

    assert failed(world.audit(ledgers=[ledger(entries)])) == {"ledger in Kafka"}


def test_record_in_no_ledger_is_found(ledger) -> None:
    world = world_of_copies()

    report = world.audit(ledgers=[ledger(lines(world)[:-1])])

    assert failed(report) == {"ledger in Kafka"}
    assert report.problems == ["ledger in Kafka: payments[1]@1 is in Kafka, but in no ledger"]


def test_offset_named_twice_is_found(ledger) -> None:
    world = world_of_copies()
    entries = lines(world)

    assert failed(world.audit(ledgers=[ledger([*entries, entries[0]])])) == {"ledger in Kafka"}


@pytest.mark.parametrize("number", range(6))
def test_unacknowledged_record_is_found_by_what_it_says(ledger, number: int) -> None:
    world = world_of_copies()
    entries = lines(world)
    entries[number]["offset"] = None

    report = world.audit(ledgers=[ledger(entries)])

    assert report.problems == []
    assert "1 sends were never acknowledged: 1 are in Kafka, 0 not" in report.notes


def test_unacknowledged_record_must_end_as_expected_too(ledger) -> None:
    world = world_of_copies()
    entries = lines(world)
    entries[5] |= {"offset": None, "expected": "accepted"}

    assert failed(world.audit(ledgers=[ledger(entries)])) == {"ledger outcomes"}


def test_retry_of_a_record_that_was_never_written_may_be_the_accepted_one(ledger) -> None:
    world = World()
    world.send()
    [sent] = lines(world)
    lost = {**sent, "offset": None, "partition": 1}
    retried = {**sent, "expected": "duplicate"}

    report = world.audit(ledgers=[ledger([lost, retried])])

    assert report.problems == []
    assert "1 records changed places with a copy, legally" in report.notes
    assert "1 sends were never acknowledged: 0 are in Kafka, 1 not" in report.notes


def test_last_line_cut_short_is_tolerated_and_told(ledger) -> None:
    world = world_of_copies()
    entries = lines(world)

    report = world.audit(ledgers=[ledger(entries[:-1], tail=b'{"n": 5, "topic": "paym')])

    assert report.problems == []
    assert (
        "1 ledgers end in an incomplete line; 1 records in Kafka are in no ledger" in report.notes
    )


def world_of_a_killed_sender() -> tuple[World, list[dict[str, Any]], list[dict[str, Any]]]:
    """Returns a world in which everything was sent twice, and both senders' honest ledgers."""
    world = World()
    for _ in range(2):
        for n in range(3):
            world.send(transaction_id=f"tx-{n}", event_time="2026-01-01T00:00:00Z")
        world.send_bytes(b"{")
    entries = lines(world)
    killed, again = entries[:4], entries[4:]
    # The second sender knows nothing of the first: to it, its payments are the first copies.
    for entry in again[:3]:
        entry["expected"] = "accepted"
    return world, killed, again


@pytest.mark.parametrize("written", range(1, 5))
@pytest.mark.parametrize("tail", [b"", b'{"n": 5, "topic": "paym'])
def test_records_of_a_killed_sender_are_excused_when_they_were_sent_again(
    ledger, written: int, tail: bytes
) -> None:
    world, killed, again = world_of_a_killed_sender()

    report = world.audit(ledgers=[ledger(again), ledger(killed[:written], tail, partial=True)])

    assert report.problems == []
    told = f"{4 - written} records of a killed sender are in no ledger; sent again, they are"
    assert (told in report.notes) is (written < 4)


def test_killed_sender_excuses_no_record_that_nobody_sent_again(ledger) -> None:
    world, killed, again = world_of_a_killed_sender()
    world.send(transaction_id="tx-9", event_time="2026-01-01T00:00:00Z")

    report = world.audit(
        ledgers=[ledger(again), ledger(killed[:1], b'{"n": 5, "topic": "paym', partial=True)]
    )

    assert report.problems == ["ledger in Kafka: payments[0]@8 is in Kafka, but in no ledger"]


def test_killed_sender_must_be_said_to_be_one(ledger) -> None:
    world, killed, again = world_of_a_killed_sender()

    assert failed(world.audit(ledgers=[ledger(again), ledger(killed[:1])])) == CHECKS


def test_payment_of_a_killed_sender_that_counts_again_is_found(ledger) -> None:
    world, killed, again = world_of_a_killed_sender()
    place = Place("payments", 0, again[0]["offset"])
    twice = changed(
        world.rows(), place, lambda row: row._replace(outcome=Outcome.ACCEPTED, first=None)
    )

    report = world.audit(twice, ledgers=[ledger(again), ledger(killed[:1], partial=True)])

    assert failed(report) >= {"outcomes", "distinct ids"}


def test_entries_out_of_reach_are_counted(ledger) -> None:
    world = World(start=10)
    world.send()
    [sent] = lines(world)
    entries = [sent, {**sent, "offset": 3}, {**sent, "topic": "refunds"}, {**sent, "offset": 999}]

    report = world.audit(ledgers=[ledger(entries)])

    assert report.balanced
    assert set(report.notes) == {
        "1 ledger entries are not checked: expired",
        "1 ledger entries are not checked: other topic",
        "1 ledger entries are not checked: newer",
    }


def test_missing_record_is_told_once(ledger) -> None:
    world = World()
    place = world.send()

    report = world.audit(without(world.rows(), place), ledgers=[ledger(lines(world))])

    assert failed(report) == {"missing", "conservation"}

"""Every row says what its record says: payments, dead letters and sums, exact."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from operations.reconcile.rows import CurrencySum, DeadLetterRow, First, PaymentRow, row_of
from operations.reconcile.truth import Place
from tests.support import payments
from tests.support.reconcile_world import World, changed, failed, row_at, tables, with_facts
from transforms.codecs.contract import shipped
from transforms.codecs.contract.load import load_file
from transforms.payment.dead_letter import KEPT_BYTES_MAX
from transforms.payment.outcome import Outcome
from transforms.payment.tables import TRANSACTIONS


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_id": "tx-9"},
        {"amount_minor": 1251},
        {"currency": "USD"},
        {"account_id": "acc-9"},
        {"merchant_id": "shop-9"},
        {"payment_type": "refund"},
        {"event_time_us": payments.START_US + 1},
        {"broker_time_us": payments.START_US + 1},
        {"country": None},
        {"device_id": "dev-9"},
    ],
)
@pytest.mark.parametrize("number", range(4), ids=["accepted", "duplicate", "conflict", "late"])
def test_any_differing_column_is_found(number: int, changes: dict[str, Any]) -> None:
    world = World()
    world.send()
    world.send(at_sec=1)
    world.send(at_sec=2, amount_minor=9)
    world.send(at_sec=3, event_time="2025-12-31T20:00:00Z")
    place = Place(*world.records[number][:3])

    report = world.audit(changed(world.rows(), place, with_facts(**changes)))

    assert "content" in failed(report)
    [name] = changes
    name = name.removesuffix("_us")
    assert any(
        text.startswith(f"content: {place} {name}") and "Kafka says" in text
        for text in report.problems
    )


def test_amount_that_contradicts_its_minor_units_is_found() -> None:
    world = World()
    place = world.send(amount_minor=1250)
    rows = changed(world.rows(), place, lambda row: row._replace(amount=Decimal("12.51")))

    report = world.audit(rows)

    assert failed(report) == {"content", "sums"}
    assert f"content: {place} amount: Kafka says 12.5, the row 12.51" in report.problems


def test_amount_is_compared_exactly_where_a_float_would_agree() -> None:
    world = World()
    place = world.send(amount_minor=10**15, currency="EUR")
    amount = Decimal("10000000000000.000000001")
    assert float(amount) == float(Decimal("10000000000000"))

    rows = changed(world.rows(), place, lambda row: row._replace(amount=amount))

    assert failed(world.audit(rows)) == {"content", "sums"}


def test_zeros_at_the_end_of_a_fraction_do_not_differ() -> None:
    world = World()
    place = world.send(amount_minor=1250)
    rows = changed(world.rows(), place, lambda row: row._replace(amount=Decimal("12.500000000")))

    assert world.audit(rows).balanced


def test_first_broker_time_must_be_that_of_the_record_named() -> None:
    world = World()
    first = world.send()
    copy = world.send(at_sec=1)
    rows = changed(
        world.rows(), copy, lambda row: row._replace(first=First(first, payments.START_US + 1))
    )

    report = world.audit(rows)

    assert failed(report) == {"content"}
    assert report.problems[0].startswith(f"content: {copy} first_broker_time")


@pytest.mark.parametrize(
    ("name", "value"),
    [("payload", b"{}"), ("payload", None), ("key", None), ("broker_time_us", 1)],
)
def test_dead_letter_must_hold_the_bytes_of_kafka(name: str, value: Any) -> None:
    world = World()
    place = world.send_bytes(b"{")

    report = world.audit(changed(world.rows(), place, lambda row: row._replace(**{name: value})))

    assert failed(report) == {"content"}
    assert name.removesuffix("_us") in report.problems[0]


CLOUD = load_file(shipped.path_of("cloudevents"))
TYPE = ("ce_type", b"com.example.payment.captured")


@pytest.mark.parametrize("held", [None, "[]", '[{"name":"ce_id","value":"other"}]'])
def test_dead_letter_must_hold_the_headers_that_its_contract_asks_for(held: str | None) -> None:
    world = World(contract=CLOUD)
    place = world.send_bytes(b"{", headers=(TYPE, ("ce_id", b"\xff")))

    assert world.audit(world.rows()).balanced
    wrong = changed(world.rows(), place, lambda row: row._replace(headers=held))
    assert failed(world.audit(wrong)) == {"content"}


def test_dead_letter_of_a_contract_without_headers_holds_none() -> None:
    world = World()
    place = world.send_bytes(b"{", headers=(TYPE,))

    assert world.audit(world.rows()).balanced
    wrong = changed(world.rows(), place, lambda row: row._replace(headers="[]"))
    assert failed(world.audit(wrong)) == {"content"}


def test_dead_letter_of_an_oversized_record_must_hold_its_beginning() -> None:
    world = World()
    place = world.send_bytes(b"x" * (KEPT_BYTES_MAX + 1))

    assert world.audit(world.rows()).balanced
    shorter = changed(world.rows(), place, lambda row: row._replace(payload=b"x"))
    assert failed(world.audit(shorter)) == {"content"}


def test_sum_of_a_currency_must_equal_the_payloads() -> None:
    world = World()
    world.send(transaction_id="tx-1", amount_minor=1250)
    world.send(transaction_id="tx-2", amount_minor=1, currency="JPY")
    answers = tables(world.rows())
    wrong = [line._replace(amount=line.amount + 1) for line in answers.sums[:1]]

    report = world.audit(sums=[*wrong, *answers.sums[1:]])

    assert failed(report) == {"sums"}
    assert report.problems == [
        "sums: EUR: Kafka 12.5 in 1 records, BigQuery 13.5 in 1 rows",
    ]
    assert [(line.currency, line.equal) for line in report.currencies] == [
        ("EUR", False),
        ("JPY", True),
    ]


def test_currency_that_only_one_side_has_is_found() -> None:
    world = World()
    world.send(currency="EUR")
    line = CurrencySum("EUR", 1, Decimal("12.50"))

    assert failed(world.audit(sums=[])) == {"sums"}
    assert failed(world.audit(sums=[line, CurrencySum("USD", 1, Decimal(0))])) == {"sums"}


def test_only_accepted_records_are_summed() -> None:
    world = World()
    world.send(amount_minor=100)
    world.send(amount_minor=100, at_sec=1)
    world.send(amount_minor=999, at_sec=2)
    world.send(amount_minor=100, at_sec=3, event_time="2025-12-31T20:00:00Z")

    [line] = world.audit().currencies

    assert (line.records, line.kafka) == (1, Decimal("1.00"))


LATER = [column.name for column in TRANSACTIONS.columns if column.added]
PAYMENT_CELLS: dict[str, Any] = dict.fromkeys(LATER) | {
    "outcome": "duplicate",
    "transaction_id": "tx-1",
    "account_id": "acc-1",
    "merchant_id": "shop-1",
    "payment_type": "purchase",
    "amount": "12.500000000",
    "amount_minor": 1250,
    "currency": "EUR",
    "event_time": payments.START_US,
    "country": None,
    "device_id": "dev-1",
    "first_topic": "payments",
    "first_partition": 1,
    "first_offset": 3,
    "first_broker_time": payments.START_US,
    "kafka_topic": "payments",
    "kafka_partition": 0,
    "kafka_offset": "9007199254740993",  # BigQuery's JSON quotes integers beyond 2^53
    "broker_time": payments.START_US,
}


def test_payment_row_is_read_exactly() -> None:
    row = row_of(PAYMENT_CELLS)

    assert isinstance(row, PaymentRow)
    assert row.place == Place("payments", 0, 2**53 + 1)
    assert row.outcome is Outcome.DUPLICATE
    assert row.amount == Decimal("12.5")
    assert row.transaction == payments.transaction(
        offset=2**53 + 1, country=None, device_id="dev-1"
    )
    assert row.first == First(Place("payments", 1, 3), payments.START_US)


def test_dead_letter_row_is_read_exactly() -> None:
    cells = {
        "outcome": "invalid",
        "reason": "not_json",
        "key": None,
        "payload": "AP8=",
        "headers": "[]",
        "kafka_topic": "payments",
        "kafka_partition": 0,
        "kafka_offset": 7,
        "broker_time": payments.START_US,
    }

    assert row_of(cells) == DeadLetterRow(
        Place("payments", 0, 7), payments.START_US, "not_json", None, b"\x00\xff", "[]"
    )


def test_rows_made_for_these_tests_are_what_the_contract_asks_for() -> None:
    world = World()
    place = world.send(amount_minor=1250)

    row = row_at(world.rows(), place)

    assert (row.outcome, row.amount, row.first) == (Outcome.ACCEPTED, Decimal("12.50"), None)

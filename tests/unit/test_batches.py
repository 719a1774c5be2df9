"""Batches are decoded, checked, split and packed as their records would be one by one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.payments import SECOND_US, START_US, payload, record, transaction
from transforms.codecs import batch_decode, wire_format
from transforms.payment import batch_rules, replay
from transforms.payment.dead_letter import Rejected
from transforms.payment.rules import AMOUNT_MINOR_MAX, Rules, is_late
from transforms.payment.transaction import KafkaRecord, ReplayOf, Transaction
from transforms.state import packed

RULES = Rules(300 * SECOND_US)
LATENESS_US = 3_600 * SECOND_US

# Payloads that are plain, that are good but not plain, and that are no payment.
PAYLOADS = [
    payload(),
    payload(transaction_id="tx-2", country=None),
    payload(event_time="2026-01-01T12:00:00+00:00"),
    payload(event_time="2026-01-01T12:00:00.5Z"),
    payload().replace(b":", b": "),
    payload(note="more than asked for"),
    payload(event_time="0000-01-01T12:00:00Z"),
    payload(event_time="2026-02-30T12:00:00Z"),
    payload(event_time="2026-01-01T12:00:00Z\n2026-01-01T12:00:00Z"),
    payload(event_time="1969-12-31T23:59:59Z"),
    payload(event_time="2026-01-01T24:00:00Z"),
    payload(event_time="2026-01-01T23:59:60Z"),
    payload(event_time=7),
    payload(amount_minor=True),
    payload(amount_minor=12.5),
    payload(amount_minor=7777).replace(b"7777", str(2**70).encode()),
    payload(country=7),
    payload(device_id=[]),
    payload(currency=None),
    payload()[:-1] + b',"currency":"EUR"}',
    payload()[:-1],
    payload() + b"," + payload(),
    b"[" + payload() + b"]",
    b"[",
    b"]",
    b"",
    b"7",
    b'"text"',
    b"\xff",
    None,
    b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    payload(note="x" * 70_000),
]


def one_by_one(records: list[KafkaRecord]) -> tuple[list, list, list]:
    kept, transactions, rejected = [], [], []
    for each in records:
        try:
            transactions.append(wire_format.decode(each))
            kept.append(each)
        except Rejected as why:
            rejected.append((each, why.reason, why.detail))
    return kept, transactions, rejected


def in_a_batch(records: list[KafkaRecord]) -> tuple[list, list, list]:
    found = batch_decode.decode(records)
    told = [(each, why.reason, why.detail) for each, why in found.rejected]
    return found.records, found.transactions, told


def records_of(payloads: list[bytes | None]) -> list[KafkaRecord]:
    return [
        record(each, offset=n)._replace(partition=n % 3, payload=each)
        for n, each in enumerate(payloads)
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PAYLOADS), max_size=40))
def test_batch_is_decoded_as_its_records_are(payloads: list[bytes | None]) -> None:
    records = records_of(payloads)

    assert in_a_batch(records) == one_by_one(records)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.binary(max_size=20) | st.text('{}[],:"ab1 ', max_size=12).map(str.encode), max_size=20
    )
)
def test_any_bytes_are_decoded_as_alone(payloads: list[bytes]) -> None:
    records = records_of([payload(), *payloads, payload()])

    assert in_a_batch(records) == one_by_one(records)


def test_each_payload_is_decoded_alike_beside_good_ones() -> None:
    for each in PAYLOADS:
        records = records_of([payload(), each, payload(transaction_id="tx-3")])
        assert in_a_batch(records) == one_by_one(records), each


def test_replay_is_decoded_alike_beside_others() -> None:
    header = replay.encode(ReplayOf("payments", 0, 3, START_US - SECOND_US))
    records = [
        each._replace(replay_header=value)
        for each, value in zip(records_of([payload()] * 4), (None, header, b"?", b""), strict=True)
    ]

    assert in_a_batch(records) == one_by_one(records)
    assert [each.replay_of is None for each in in_a_batch(records)[1]] == [True, False]


def conspiracy(fence: str) -> list[KafkaRecord]:
    """Three payloads, none of which is a payment; joined by this fence they look like three."""
    first, second = payload(transaction_id="tx-1"), payload(transaction_id="tx-2")
    third = payload(transaction_id="tx-3")[:-1]
    return records_of([first + f',"{fence}",'.encode() + second, third + b',"x":[1', b"2]}"])


def test_payloads_that_close_each_other_are_not_taken_for_values() -> None:
    for records in (
        conspiracy("guessed"),
        records_of([b'{"x":["a"', b'"b"]}', payload(), b'{"a":1},{"b":2}']),
    ):
        assert in_a_batch(records) == one_by_one(records)


def test_control_whoever_knew_the_fence_could_make_them_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it is drawn at random in each process, and never leaves it."""
    monkeypatch.setattr(batch_decode, "_FENCE", "known")
    monkeypatch.setattr(batch_decode, "_SEPARATOR", b',"known",')

    assert len(in_a_batch(conspiracy("known"))[0]) == 3
    assert one_by_one(conspiracy("known"))[0] == []


def test_plain_batch_is_not_decoded_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the speed of it would be a matter of luck."""
    alone: list[KafkaRecord] = []
    original = wire_format.decode
    monkeypatch.setattr(wire_format, "decode", lambda each: alone.append(each) or original(each))

    batch_decode.decode(records_of([payload()] * 500))
    assert not alone

    batch_decode.decode(records_of([payload()] * 499 + [b"?"]))
    assert len(alone) <= 8


CHANGES: list[dict[str, object]] = [
    {},
    {"transaction_id": "a\nb"},
    {"transaction_id": ""},
    {"transaction_id": "é"},
    {"transaction_id": "x" * 65},
    {"account_id": "a b"},
    {"merchant_id": "-a"},
    {"device_id": None},
    {"device_id": "a\n"},
    {"country": None},
    {"country": "D"},
    {"country": "DE\n"},
    {"payment_type": "gift"},
    {"currency": "XAU"},
    {"amount_minor": 0},
    {"amount_minor": AMOUNT_MINOR_MAX},
    {"amount_minor": AMOUNT_MINOR_MAX + 1},
    {"event_time_us": -1},
    {"event_time_us": START_US + 300 * SECOND_US},
    {"event_time_us": START_US + 300 * SECOND_US + 1},
    {"event_time_us": START_US - LATENESS_US},
    {"event_time_us": START_US - LATENESS_US - 1},
    {"event_time_us": START_US - 400, "replay_of": ReplayOf("payments", 0, 0, START_US - 500)},
    {"event_time_us": START_US, "replay_of": ReplayOf("payments", 0, 0, 0)},
]


def transactions_of(changes: list[dict[str, object]]) -> list[Transaction]:
    return [
        transaction(arrival_us=START_US, offset=n)._replace(**each)  # type: ignore[arg-type]
        for n, each in enumerate(changes)
    ]


def broken_one_by_one(transactions: list[Transaction]) -> list[tuple]:
    told = []
    for place, each in enumerate(transactions):
        try:
            RULES.check(each)
        except Rejected as why:
            told.append((place, why.reason, why.detail))
    return told


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*CHANGES, {}, {}, {}]), max_size=40))
def test_rules_reject_in_a_batch_what_they_reject_alone(changes: list[dict[str, object]]) -> None:
    transactions = transactions_of(changes)
    found = batch_rules.broken(RULES, transactions)

    assert [(n, why.reason, why.detail) for n, why in found] == broken_one_by_one(transactions)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_all_on_time_is_said_only_of_batches_without_a_late_one(change: dict[str, object]) -> None:
    transactions = transactions_of([{}, change])
    late = any(is_late(each, LATENESS_US) for each in transactions)

    assert not (late and batch_rules.all_on_time(transactions, LATENESS_US))


def test_plain_batch_is_on_time() -> None:
    assert batch_rules.all_on_time(transactions_of([{}] * 3), LATENESS_US)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_packed_comes_back(seed: int) -> None:
    rng = random.Random(seed)
    transactions = transactions_of([rng.choice(CHANGES) for _ in range(50)])

    assert packed.unpack(packed.pack(transactions)) == transactions
    assert packed.unpack(packed.pack([])) == []

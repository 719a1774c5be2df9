"""Decoding: one form of a well-formed payment, and a reason for every other payload."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.payments import START_US, fields, payload, record
from transforms.codecs import wire_format
from transforms.payment.dead_letter import DETAIL_CHARS_MAX, DeadLetter, Reason, Rejected


def reason_of(raw: bytes | None) -> Reason | None:
    try:
        wire_format.decode(record(raw))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_valid_payment_keeps_every_field_and_its_lineage() -> None:
    transaction = wire_format.decode(record(payload()))

    assert transaction.transaction_id == "tx-1"
    assert transaction.amount_minor == 1250
    assert transaction.event_time_us == START_US
    assert (transaction.topic, transaction.partition, transaction.offset) == ("payments", 0, 7)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, Reason.TOMBSTONE),
        (b"", Reason.NOT_JSON),
        (b"not json", Reason.NOT_JSON),
        (payload()[:-5], Reason.NOT_JSON),
        (b"\xff\xfe", Reason.NOT_JSON),
        (b"[1]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b"x" * (wire_format.PAYLOAD_BYTES_MAX + 1), Reason.TOO_LARGE),
        (b"x" * 1_000_000, Reason.TOO_LARGE),
        (payload(transaction_id=...), Reason.MISSING_FIELD),
        (payload(transaction_id=None), Reason.MISSING_FIELD),
        (payload(transaction_id=17), Reason.WRONG_TYPE),
        (payload(country=49), Reason.WRONG_TYPE),
        (payload(event_time="yesterday"), Reason.BAD_EVENT_TIME),
        (payload(event_time="2026-01-01T00:00:00"), Reason.BAD_EVENT_TIME),
        (payload(event_time="2026-01-01T00:00:00+02:00"), Reason.BAD_EVENT_TIME),
        (payload(event_time="2026-02-30T00:00:00Z"), Reason.BAD_EVENT_TIME),
        (payload(event_time="2026-01-01T00:00:00.1234567Z"), Reason.BAD_EVENT_TIME),
    ],
)
def test_malformed_payload_has_its_own_reason(raw: bytes | None, reason: Reason) -> None:
    assert reason_of(raw) is reason


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (b"12.5", Reason.WRONG_TYPE),
        (b"1250.0", Reason.WRONG_TYPE),
        (b'"1250"', Reason.WRONG_TYPE),
        (b"true", Reason.WRONG_TYPE),
        (b"[1250]", Reason.WRONG_TYPE),
        (b"NaN", Reason.NOT_JSON),
        (b"Infinity", Reason.NOT_JSON),
        (b"1e400", Reason.NOT_JSON),
        (b"9" * 30, Reason.WRONG_TYPE),
        (b"9" * 5_000, Reason.NOT_JSON),
    ],
)
def test_amount_that_is_no_integer_is_never_rounded(amount: bytes, reason: Reason) -> None:
    assert reason_of(payload().replace(b"1250", amount)) is reason


def test_field_given_twice_is_refused_rather_than_chosen_from() -> None:
    twice = payload().replace(b'"amount_minor":1250', b'"amount_minor":1250,"amount_minor":9')

    assert reason_of(twice) is Reason.REPEATED_FIELD


def test_field_given_twice_is_found_even_when_the_length_is_made_up_elsewhere() -> None:
    # 1e5 is written back as 100000.0, five bytes longer: lengths alone would say nothing was lost.
    twice = payload(note=1).replace(b'"note":1', b'"note":1e5,"n":1,"n":1')

    assert reason_of(twice) is Reason.REPEATED_FIELD


def test_spaces_and_unlisted_fields_change_nothing() -> None:
    spaced = json.dumps(fields(in_no_declaration="app", nested={"a": [1, 2.5]}), indent=2).encode()

    assert wire_format.decode(record(spaced)) == wire_format.decode(record(payload()))


@pytest.mark.parametrize("depth", [300, 2_000, 10_000])
def test_deeply_nested_payload_is_a_dead_letter_and_not_a_crash(depth: int) -> None:
    nested = b'{"a":' * depth + b"1" + b"}" * depth

    assert reason_of(nested) is Reason.NOT_JSON


def test_event_time_keeps_microseconds_both_ways() -> None:
    text = wire_format.event_time_text(START_US + 123_456)

    assert text == "2026-01-01T00:00:00.123456Z"
    assert wire_format.decode(record(payload(event_time=text))).event_time_us == START_US + 123_456


def test_detail_of_a_dead_letter_is_cut_and_its_payload_is_not() -> None:
    letter = DeadLetter.of(record(b"x" * 9_000), Rejected(Reason.NOT_JSON, "y" * 9_000), "step")

    assert len(letter.detail) == DETAIL_CHARS_MAX
    assert letter.payload == b"x" * 9_000


@given(st.binary(max_size=400))
def test_any_bytes_are_decoded_or_rejected(raw: bytes) -> None:
    reason_of(raw)  # anything but Rejected fails the test


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(fields())), _JSON))
def test_any_json_in_the_known_fields_is_decoded_or_rejected(changes: dict[str, object]) -> None:
    reason_of(json.dumps({**fields(), **changes}).encode())

"""The rules for which decoded transactions may be counted."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.support.payments import SECOND_US, START_US, fields, payload, record, transaction
from transforms.bigquery.arrow_rows import ENCODERS
from transforms.codecs import batch_decode, wire_format
from transforms.payment import batch_rules, rules
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import PAYLOAD, KafkaRecord, by_field

SKEW_US = 300 * SECOND_US


def reason_of(**changes: Any) -> Reason | None:
    try:
        rules.Rules(SKEW_US).check(transaction(**changes))
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.reason.value)
def test_what_breaks_a_rule_breaks_it_alone_and_in_a_batch(rule: rules.Rule) -> None:
    records = [record(payload()), record(wire_format.encode(rule.broken(fields())))]
    checker = rules.Rules(SKEW_US)

    with pytest.raises(Rejected) as alone:
        checker.check(wire_format.decode(records[1]))
    [(place, found)] = batch_rules.broken(checker, [wire_format.decode(each) for each in records])

    assert (place, alone.value.reason, found.reason) == (1, rule.reason, rule.reason)
    assert not rule.kept_by_all(by_field(batch_decode.decode(records[1:]).transactions), checker)


def test_rule_about_two_fields_says_by_a_function_what_breaks_it() -> None:
    rule = rules.RULES[0]._replace(
        broken_by=lambda of: {"currency": "JPY", "amount_minor": of["amount_minor"] * 100}
    )

    assert rule.broken(fields()) == fields(currency="JPY", amount_minor=125_000)


def test_no_two_rules_have_one_reason() -> None:
    reasons = [rule.reason for rule in rules.RULES]

    assert len(set(reasons)) == len(reasons)


INTEGERS = [each.column.name for each in PAYLOAD if each.column.type == "INT64"]


def is_rejected(record_: KafkaRecord, checker: rules.Rules) -> bool:
    """Returns whether a decoder or a rule refuses a record, in a batch and alone."""
    found = batch_decode.decode([record_, record(payload(), offset=8)])
    broken = [reason for _, reason in batch_rules.broken(checker, found.transactions)]
    try:
        checker.check(wire_format.decode(record_))
    except Rejected as alone:
        reasons = [reason for _, reason in found.rejected] + broken
        assert [each.reason for each in reasons] == [alone.reason]
        return True
    assert (found.rejected, broken) == ([], [])
    return False


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1], ids=["above", "below"])
def test_integer_beyond_64_bits_is_rejected(name: str, value: int) -> None:
    # It would end the job where rows are made: one record, read again after each restart.
    written = json.dumps(fields(**{name: value})).encode()

    assert is_rejected(record(written), rules.Rules(SKEW_US))


def test_control_without_its_rules_an_amount_beyond_64_bits_passes_and_makes_no_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "RULES", ())
    too_large = record(payload(amount_minor=2**63))

    assert not is_rejected(too_large, rules.Rules(SKEW_US))
    with pytest.raises(OverflowError):
        ENCODERS["transactions"].encode([wire_format.decode(too_large)], "1")


@pytest.mark.parametrize("id_", ["a", "tx-81f3.2:x_Y", "9" * 64])
def test_plain_ids_are_taken(id_: str) -> None:
    assert reason_of(transaction_id=id_) is None


@pytest.mark.parametrize("id_", ["", " ", "a b", "ä", "tx\n", "-a", "a" * 65, "a\u200b", "\u0661"])
def test_ids_that_could_look_like_others_are_refused(id_: str) -> None:
    assert reason_of(transaction_id=id_) is Reason.BAD_TRANSACTION_ID


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account_id": ""}, Reason.BAD_ACCOUNT_ID),
        ({"merchant_id": "a b"}, Reason.BAD_MERCHANT_ID),
        ({"device_id": ""}, Reason.BAD_DEVICE_ID),
        ({"country": "de"}, Reason.BAD_COUNTRY),
        ({"payment_type": "gift"}, Reason.UNKNOWN_PAYMENT_TYPE),
        ({"currency": "EURO"}, Reason.UNKNOWN_CURRENCY),
        ({"currency": "eur"}, Reason.UNKNOWN_CURRENCY),
        ({"currency": "XAU"}, Reason.UNKNOWN_CURRENCY),
        ({"amount_minor": 0}, Reason.AMOUNT_NOT_POSITIVE),
        ({"amount_minor": -1}, Reason.AMOUNT_NOT_POSITIVE),
        ({"amount_minor": rules.AMOUNT_MINOR_MAX + 1}, Reason.AMOUNT_TOO_LARGE),
        ({"event_time_us": -1}, Reason.BAD_EVENT_TIME),
        ({"event_time_us": START_US + SKEW_US + 1}, Reason.EVENT_TIME_IN_FUTURE),
    ],
)
def test_broken_rule_is_named(changes: dict[str, Any], reason: Reason) -> None:
    assert reason_of(**changes) is reason


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": rules.AMOUNT_MINOR_MAX},
        {"event_time_us": START_US + SKEW_US},
        {"event_time_us": 0},
        {"country": None, "device_id": None},
    ],
)
def test_limits_themselves_are_allowed(changes: dict[str, Any]) -> None:
    assert reason_of(**changes) is None


@pytest.mark.parametrize(
    ("currency", "amount"), [("EUR", "12.50"), ("JPY", "1250"), ("KWD", "1.250")]
)
def test_amount_has_the_digits_of_its_currency(currency: str, amount: str) -> None:
    assert str(rules.amount_of(1250, currency)) == amount


def test_largest_amount_is_exact_in_every_currency() -> None:
    for currency, digits in rules.MINOR_DIGITS.items():
        amount = rules.amount_of(rules.AMOUNT_MINOR_MAX - 1, currency)
        assert amount * 10**digits == rules.AMOUNT_MINOR_MAX - 1
        assert amount < Decimal(10) ** 29  # BigQuery's NUMERIC


def test_late_begins_after_the_allowed_lateness() -> None:
    hour_us = 3_600 * SECOND_US
    on_the_hour = transaction(event_time_us=START_US - hour_us)
    later = transaction(event_time_us=START_US - hour_us - 1)

    assert not rules.is_late(on_the_hour, hour_us)
    assert rules.is_late(later, hour_us)

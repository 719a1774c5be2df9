"""Money, times, texts, columns and the rest, each as a contract says."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.contract_records import Record
from tests.support.contracts import accepted, contract, outcome, payload, reason
from transforms.codecs.contract import extra_columns
from transforms.codecs.contract.amounts import spelled
from transforms.codecs.contract.columns import is_luhn
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.fingerprint import fingerprint
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.mistakes import ContractError
from transforms.payment.rules import MINOR_DIGITS
from transforms.payment.transaction import facts_of


def with_amount(**said: Any) -> Contract:
    return contract(fields={"amount": {"at": "amount", **said}})


@given(st.integers(1, 10**12), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), st.integers(0, 6))
@settings(max_examples=80, deadline=None)
def test_decimal_text_is_exact(minor: int, currency: str, zeros: int) -> None:
    text = spelled(minor, MINOR_DIGITS[currency])
    text += ("0" if "." in text else ".0") * min(zeros, 1) + "0" * max(zeros - 1, 0)

    assert accepted(contract(), payload(amount=text, currency=currency)).amount_minor == minor


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=4))
@settings(max_examples=80, deadline=None)
def test_nothing_is_ever_rounded(amount: decimal.Decimal) -> None:
    found = outcome(contract(), payload(amount=f"{amount:f}"))

    if isinstance(found[0], str) and found[0] in ("amount_not_exact", "amount_not_positive"):
        assert amount <= 0 or (amount * 100) % 1 != 0
    else:
        assert found.amount_minor == amount * 100  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("digits", "value", "currency", "minor"),
    [
        ("iso", 1250, "EUR", 1250),
        ("adyen", 150_000, "CLP", 1_500),
        ("adyen", 15, "CVE", 1_500),
        ("stripe", 50_000, "ISK", 500),
        ("stripe", 5, "MGA", 500),
        ("sumup", 12, "HUF", 1_200),
        (6, 12_500_000, "EUR", 1250),
        (0, 12, "EUR", 1200),
        ({"like": "adyen", "IDR": 0}, 12, "IDR", 1200),
        ({"CLP": 2}, 1250, "EUR", 1250),
    ],
)
def test_minor_units_of_a_source(digits: Any, value: int, currency: str, minor: int) -> None:
    said = with_amount(**{"as": "minor_integer", "digits": digits})

    assert accepted(said, payload(amount=value, currency=currency)).amount_minor == minor


@pytest.mark.parametrize(
    ("digits", "value", "currency", "why"),
    [
        ("adyen", 150_050, "CLP", "amount_not_exact"),
        ("adyen", 1250, "IDR", "amount_not_exact"),  # not known is not guessed
        (6, 12_505_000, "EUR", "amount_not_exact"),
        ("stripe", 1250, "eur", "unknown_currency"),
        ("iso", "1250", "EUR", "wrong_type"),
        ("iso", 12.5, "EUR", "wrong_type"),
        ("iso", True, "EUR", "wrong_type"),
    ],
)
def test_minor_units_that_are_refused(digits: Any, value: Any, currency: str, why: str) -> None:
    said = with_amount(**{"as": "minor_integer", "digits": digits})

    assert reason(said, payload(amount=value, currency=currency)) == why


BY_RECORD = {"as": "minor_integer", "digits": {"at": "amount.exponent"}}
MINOR_TEXT = {"value": "1250", "exponent": 2}


@pytest.mark.parametrize(
    ("said", "value", "minor"),
    [
        ({"as": "minor_text"}, "1250", 1250),
        ({"as": "decimal_text", "decimal_mark": ","}, "12,50", 1250),
        ({"as": "decimal_text", "after": " "}, "EUR 12.50", 1250),
        ({"as": "connect_decimal", "scale": 2}, "BOI=", 1250),
        ({"as": "connect_decimal", "scale": -1}, "fQ==", 125_000),
        (
            {"as": "variable_scale"},
            {"scale": 3, "value": "MNQ="},
            1250,
        ),
        ({"as": "units_nanos"}, {"units": 12, "nanos": 500_000_000}, 1250),
        ({"as": "units_nanos"}, {"units": "12", "nanos": 0}, 1200),
        ({"as": "decimal"}, 12, 1200),
        ({"at": "amount.value", **BY_RECORD}, {"value": 12500, "exponent": 3}, 1250),
        ({"at": "amount.value", **BY_RECORD}, {"value": 1250, "exponent": "2"}, 1250),
        ({"at": "amount.value", **BY_RECORD}, {"value": 12, "exponent": 0}, 1200),
        ({"at": "amount.value", **BY_RECORD, "as": "minor_text"}, MINOR_TEXT, 1250),
    ],
)
def test_ways_to_write_an_amount(said: dict[str, Any], value: Any, minor: int) -> None:
    assert accepted(with_amount(**said), payload(amount=value)).amount_minor == minor


@pytest.mark.parametrize(
    ("said", "value", "why"),
    [
        ({"as": "minor_text"}, "12.50", "bad_amount"),
        ({"as": "decimal_text", "decimal_mark": ","}, "12.50", "bad_amount"),
        ({"as": "decimal_text", "decimal_mark": ","}, "1.250,00", "bad_amount"),
        ({"as": "decimal_text", "after": " "}, "12.50", "wrong_type"),
        ({"as": "connect_decimal", "scale": 2}, "?", "bad_amount"),
        ({"as": "connect_decimal", "scale": 2}, "", "bad_amount"),
        ({"as": "connect_decimal", "scale": 2}, "A" * 400, "bad_amount"),
        ({"as": "connect_decimal", "scale": 3}, "BOM=", "amount_not_exact"),
        ({"as": "variable_scale"}, {"scale": 2**31, "value": "BOI="}, "bad_amount"),
        ({"as": "variable_scale"}, {"scale": 2}, "missing_field"),
        ({"as": "variable_scale"}, "BOI=", "wrong_type"),
        ({"as": "units_nanos"}, {"units": 1, "nanos": 10**9}, "bad_amount"),
        ({"as": "units_nanos"}, {"units": 1, "nanos": -5}, "bad_amount"),
        ({"as": "units_nanos"}, {"units": 1, "nanos": 1}, "amount_not_exact"),
        ({"as": "units_nanos"}, {"units": "x"}, "bad_amount"),
        ({"at": "amount.value", **BY_RECORD}, {"value": 12505, "exponent": 3}, "amount_not_exact"),
        ({"at": "amount.value", **BY_RECORD}, {"value": 1250}, "missing_field"),
        ({"at": "amount.value", **BY_RECORD}, {"value": 1250, "exponent": -1}, "bad_amount"),
        ({"at": "amount.value", **BY_RECORD}, {"value": 1250, "exponent": 99}, "bad_amount"),
        ({"at": "amount.value", **BY_RECORD}, {"value": 1250, "exponent": True}, "bad_amount"),
        ({"at": "amount.value", **BY_RECORD}, {"value": 1250, "exponent": 2.0}, "bad_amount"),
    ],
)
def test_amounts_that_are_refused(said: dict[str, Any], value: Any, why: str) -> None:
    assert reason(with_amount(**said), payload(amount=value)) == why


def test_sign_says_the_type_of_a_bank_row() -> None:
    said = contract(
        fields={
            "payment_type": ...,
            "amount": {
                **{"at": "amount", "as": "decimal"},
                **{"negative_is": "purchase", "positive_is": "refund"},
            },
        }
    )

    assert accepted(said, payload(amount=-12.5)).payment_type == "purchase"
    assert accepted(said, payload(amount=12.5)).payment_type == "refund"
    assert reason(said, payload(amount=0)) == "amount_not_positive"


BERLIN = "Europe/Berlin"


def us(text: str) -> int:
    moment = dt.datetime.fromisoformat(text)
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("said", "value", "moment"),
    [
        ({"as": "rfc3339"}, "2026-11-23T09:15:30+01:00", "2026-11-23T08:15:30Z"),
        ({"as": "rfc3339"}, "2026-11-23t08:15:30.123456789z", "2026-11-23T08:15:30.123456Z"),
        ({"as": "epoch_s"}, 1_795_421_730, "2026-11-23T08:15:30Z"),
        ({"as": "epoch_s"}, 1_795_421_730.25, "2026-11-23T08:15:30.25Z"),
        ({"as": "epoch_s"}, "1795421730", "2026-11-23T08:15:30Z"),
        ({"as": "epoch_ms"}, 1_795_421_730_250, "2026-11-23T08:15:30.25Z"),
        ({"as": "epoch_us"}, 1_795_421_730_250_001, "2026-11-23T08:15:30.250001Z"),
        ({"as": "epoch_ns"}, 1_795_421_730_250_001_999, "2026-11-23T08:15:30.250001Z"),
        (
            {"as": "iso_local", "zone": BERLIN},
            "2026-11-23 09:15:30",
            "2026-11-23T08:15:30Z",
        ),
        ({"as": "iso_local", "zone": "UTC"}, "2026-11-23T08:15:30.5", "2026-11-23T08:15:30.5Z"),
        ({"as": "date", "zone": "Asia/Tokyo"}, "2026-11-23", "2026-11-22T15:00:00Z"),
        ({"as": "epoch_days", "zone": "UTC"}, 20_780, "2026-11-23T00:00:00Z"),
        (
            {"as": "pattern", "pattern": "%Y%m%d%H%M%S", "zone": "UTC"},
            "20261123081530",
            "2026-11-23T08:15:30Z",
        ),
        (
            {"as": "pattern", "pattern": "%d/%m/%Y %H:%M %z"},
            "23/11/2026 08:15 +0000",
            "2026-11-23T08:15:00Z",
        ),
        (
            {"as": "pattern", "pattern": "%y%m%d%H%M%S", "zone": "UTC"},
            "261123081530",
            "2026-11-23T08:15:30Z",
        ),
        (
            {"as": "pattern", "pattern": "%a, %d %b %Y %H:%M:%S GMT", "zone": "UTC"},
            "Mon, 23 Nov 2026 08:15:30 GMT",
            "2026-11-23T08:15:30Z",
        ),
        (
            {"as": "seconds_nanos"},
            {"seconds": "1795421730", "nanos": 250_000_999},
            "2026-11-23T08:15:30.25Z",
        ),
        ({"as": "seconds_nanos"}, {"seconds": 1_795_421_730}, "2026-11-23T08:15:30Z"),
        (
            {"as": "seconds_nanos"},
            {"_seconds": 1_795_421_730, "_nanoseconds": 500_000_000},
            "2026-11-23T08:15:30.5Z",
        ),
        (
            {"as": "seconds_nanos"},
            {"epochSecond": 1_795_421_730, "nano": 500_000_000},
            "2026-11-23T08:15:30.5Z",
        ),
        (
            {"as": "parts", "zone": BERLIN},
            [2026, 11, 23, 9, 15, 30, 250_000_000],
            "2026-11-23T08:15:30.25Z",
        ),
        ({"as": "parts", "zone": "UTC"}, [2026, 11, 23, 8, 15], "2026-11-23T08:15:00Z"),
        ({"as": "parts", "zone": "Asia/Tokyo"}, [2026, 11, 23], "2026-11-22T15:00:00Z"),
        (
            {"as": "parts", "zone": "UTC"},
            {"year": 2026, "month": 11, "day": 23, "hours": 8, "minutes": 15, "seconds": 30},
            "2026-11-23T08:15:30Z",
        ),
        (
            {"as": "parts", "zone": BERLIN, "ambiguous": "earlier"},
            [2026, 10, 25, 2, 30],
            "2026-10-25T00:30:00Z",
        ),
        (
            {"as": "iso_local", "zone": BERLIN, "ambiguous": "earlier"},
            "2026-10-25 02:30:00",
            "2026-10-25T00:30:00Z",
        ),
        (
            {"as": "iso_local", "zone": BERLIN, "ambiguous": "later"},
            "2026-10-25 02:30:00",
            "2026-10-25T01:30:00Z",
        ),
    ],
)
def test_ways_to_write_a_time(said: dict[str, Any], value: Any, moment: str) -> None:
    said_so = contract(fields={"event_time": {"at": "time", **said}})

    assert accepted(said_so, payload(time=value)).event_time_us == us(moment)


@pytest.mark.parametrize(
    ("said", "value", "why"),
    [
        ({"as": "seconds_nanos"}, "2026-11-23T08:15:30Z", "wrong_type"),
        ({"as": "seconds_nanos"}, {"nanos": 1}, "bad_event_time"),
        ({"as": "seconds_nanos"}, {"seconds": 1_795_421_730_250, "nanos": 0}, "bad_event_time"),
        ({"as": "seconds_nanos"}, {"seconds": 1_795_421_730, "nanos": 10**9}, "bad_event_time"),
        ({"as": "seconds_nanos"}, {"seconds": 1_795_421_730, "nanos": -1}, "bad_event_time"),
        ({"as": "seconds_nanos"}, {"seconds": 1_795_421_730.5, "nanos": 0}, "bad_event_time"),
        ({"as": "seconds_nanos"}, {"seconds": 1, "_seconds": 2}, "bad_event_time"),
        ({"as": "parts", "zone": "UTC"}, "2026-11-23", "wrong_type"),
        ({"as": "parts", "zone": "UTC"}, [2026, 11], "bad_event_time"),
        ({"as": "parts", "zone": "UTC"}, [2026, 11, 23, 8], "bad_event_time"),
        ({"as": "parts", "zone": "UTC"}, [2026, 2, 30], "bad_event_time"),
        ({"as": "parts", "zone": "UTC"}, [2026, 11, True, 8, 15], "bad_event_time"),
        ({"as": "parts", "zone": "UTC"}, [2026, 11, 23, 8, 15, 30, 10**9], "bad_event_time"),
        ({"as": "parts", "zone": "UTC"}, {"year": 2026, "month": 11}, "bad_event_time"),
        (
            {"as": "parts", "zone": "UTC"},
            {"year": 2026, "month": 11, "day": 23, "utcOffset": "3600s"},
            "bad_event_time",
        ),
        ({"as": "parts", "zone": BERLIN}, [2026, 10, 25, 2, 30], "bad_event_time"),
        (
            {"as": "pattern", "pattern": "%y%m%d", "zone": "UTC"},
            "701123",
            "bad_event_time",
        ),
    ],
)
def test_times_that_are_refused(said: dict[str, Any], value: Any, why: str) -> None:
    said_so = contract(fields={"event_time": {"at": "time", **said}})

    assert reason(said_so, payload(time=value)) == why


@pytest.mark.parametrize("text", ["2026-10-25 02:30:00", "2026-03-29 02:30:00"])
def test_local_time_that_clocks_show_twice_or_never_is_no_moment(text: str) -> None:
    said = contract(fields={"event_time": {"at": "time", "as": "iso_local", "zone": BERLIN}})

    assert reason(said, payload(time=text)) == "bad_event_time"


def test_date_and_clock_in_two_fields() -> None:
    time = {"join": ["day", "clock"], "as": "iso_local", "zone": "UTC"}
    said = contract(fields={"event_time": time})

    found = accepted(said, payload(day="2026-11-23", clock="08:15:30"))
    assert found.event_time_us == us("2026-11-23T08:15:30Z")


@pytest.mark.parametrize(
    ("said", "value", "currency"),
    [
        ({"case": "upper"}, "eur", "EUR"),
        ({"before": "/"}, "EUR/2", "EUR"),
        ({"as": "iso_numeric"}, 978, "EUR"),
        ({"as": "iso_numeric"}, "036", "AUD"),
        ({"map": {"Euro": "EUR"}}, "Euro", "EUR"),
    ],
)
def test_ways_to_write_a_currency(said: dict[str, Any], value: Any, currency: str) -> None:
    field = {"at": "currency", **said}

    assert (
        accepted(contract(fields={"currency": field}), payload(currency=value)).currency == currency
    )


@pytest.mark.parametrize(
    ("said", "value", "why"),
    [
        ({"as": "iso_numeric"}, 0, "unknown_currency"),
        ({"as": "iso_numeric"}, "٩٧٨", "unknown_currency"),
        ({"as": "iso_numeric"}, "x", "unknown_currency"),
        ({"before": "/"}, "EUR", "wrong_type"),
        ({"map": {"Euro": "EUR"}}, "euro", "unknown_state"),
        ({}, "eur", "unknown_currency"),
    ],
)
def test_currencies_that_are_refused(said: dict[str, Any], value: Any, why: str) -> None:
    said_so = contract(fields={"currency": {"at": "currency", **said}})

    assert reason(said_so, payload(currency=value)) == why


def test_names_with_dots_and_places_in_arrays() -> None:
    said = contract(fields={"transaction_id": "`a.b`.1.`#text`", "merchant_id": {"at": "key:shop"}})
    record = Record(key=b'{"shop": 9}', payload=payload(**{"a.b": [0, {"#text": "t"}]}))

    found = accepted(said, record)
    assert (found.transaction_id, found.merchant_id) == ("t", "9")
    assert reason(said, record._replace(key=b"?")) == "not_json"
    assert reason(said, record._replace(key=None)) == "missing_field"


def test_key_as_text_and_what_kafka_says() -> None:
    said = contract(
        fields={
            "transaction_id": {"at": "key:"},
            "merchant_id": "kafka:topic",
            "event_time": {"at": "kafka:timestamp", "as": "epoch_ms"},
        }
    )
    record = Record(key=b"k-1", payload=payload(), broker_time_us=1_795_421_730_250_000)

    found = accepted(said, record)
    assert (found.transaction_id, found.merchant_id) == ("k-1", "payments")
    assert found.event_time_us == 1_795_421_730_250_000


# columns and the rest


def extras_of(said: Contract, raw: bytes) -> Any:
    decoded = Decoder(said).decode([Record(payload=raw)])
    if decoded.rejected:
        return decoded.rejected[0][1].reason.value
    return extra_columns.unpacked(decoded.transactions[0].extras or "")


def test_typed_columns() -> None:
    columns = [
        {"name": "s", "at": "s", "type": "STRING"},
        {"name": "n", "at": "n", "type": "NUMERIC"},
        {"name": "i", "at": "i", "type": "INT64"},
        {"name": "t", "at": "t", "type": "TIMESTAMP", "as": "epoch_s"},
        {"name": "b", "at": "b", "type": "BOOL"},
    ]
    said = contract(columns=columns)
    raw = payload(s={"x": 1}, n="0.660", i=5, t=1_795_421_730, b=True)

    assert extras_of(said, raw) == ['{"x":1}', "0.660", 5, 1_795_421_730_000_000, True]
    assert extras_of(said, payload()) == [None] * 5
    assert extras_of(said, payload(i="5")) == "wrong_type"
    assert extras_of(said, payload(n="1e5")) == "bad_amount"
    assert extras_of(said, payload(n="0.1234567891")) == "wrong_type"


def test_rest_of_a_record_without_what_is_mapped_or_left_out() -> None:
    said = contract(extra={"column": "rest", "without": ["secret", "deep.secret"]})
    raw = payload(secret=1, deep={"secret": 2, "open": 3}, note="é")

    [rest] = extras_of(said, raw)
    assert json.loads(rest) == {"deep": {"open": 3}, "note": "é"}


CARD = "4111111111111111"


@pytest.mark.parametrize("value", [CARD, int(CARD), "4111 1111-1111 1111", f"card {CARD}.", [CARD]])
def test_card_numbers_are_never_kept(value: Any) -> None:
    said = contract(extra={"column": "rest"})
    [kept] = extras_of(said, payload(note=value, **{CARD: 1}))

    assert "411111" not in kept.replace(" ", "").replace("-", "")
    assert "************1111" in kept


def test_times_and_other_numbers_are_no_cards() -> None:
    said = contract(extra={"column": "rest"})
    rest = {"at": 1_795_421_730_250_000_000, "no": "4111111111111112", "long": "4" * 30}

    [kept] = extras_of(said, payload(**rest))
    assert json.loads(kept) == rest
    assert is_luhn([int(each) for each in CARD])


def test_item_that_a_field_tells_from_the_others() -> None:
    """As in callbacks of M-Pesa: names and values in a list, the time as a number of digits."""
    said = contract(
        unwrap=[{"at": "Body.stkCallback", "as": "object"}],
        keep=[{"at": "ResultCode", "in": [0], "else": "skip"}],
        fields={
            "transaction_id": "CallbackMetadata.Item.[Name=MpesaReceiptNumber].Value",
            "account_id": "CallbackMetadata.Item.[Name=PhoneNumber].Value",
            "merchant_id": {"const": "600000"},
            "amount": {"at": "CallbackMetadata.Item.[Name=Amount].Value", "as": "decimal_number"},
            "currency": {"const": "KES"},
            "event_time": {
                **{"at": "CallbackMetadata.Item.[Name=TransactionDate].Value", "as": "pattern"},
                **{"pattern": "%Y%m%d%H%M%S", "zone": "Africa/Nairobi"},
            },
        },
    )

    def record(*items: dict[str, Any]) -> bytes:
        callback = {"ResultCode": 0, "CallbackMetadata": {"Item": list(items)}}
        return json.dumps({"Body": {"stkCallback": callback}}).encode()

    number = {"Name": "MpesaReceiptNumber", "Value": "NLJ7RT61SV"}
    rest = [{"Name": "Amount", "Value": 12.5}, {"Name": "Balance"}]
    rest += [{"Name": "TransactionDate", "Value": 20261123111530}]
    rest += [{"Name": "PhoneNumber", "Value": 254700000000}]
    found = accepted(said, record(number, *rest))
    assert found[:3] == ("NLJ7RT61SV", "254700000000", "600000")
    assert (found.amount_minor, found.event_time_us) == (1250, us("2026-11-23T08:15:30Z"))
    assert reason(said, record(number, number, *rest)) == "missing_field"
    assert reason(said, record(*rest)) == "missing_field"


FIRST_OF = contract(
    fields={"account_id": {"first_of": ["card.holder", {"at": "bank.iban", "case": "upper"}]}}
)


@pytest.mark.parametrize(
    ("record", "payer"),
    [
        ({"card": {"holder": "a"}}, "a"),
        ({"card": {"holder": "a"}, "bank": {"iban": "de1"}}, "a"),
        ({"card": None, "bank": {"iban": "de1"}}, "DE1"),
        ({"card": {"holder": None}, "bank": {"iban": "de1"}}, "DE1"),
    ],
)
def test_first_place_that_leads_to_something(record: dict[str, Any], payer: str) -> None:
    assert accepted(FIRST_OF, payload(**record)).account_id == payer


def test_no_place_leads_to_something() -> None:
    assert outcome(FIRST_OF, payload()) == (
        "missing_field",
        "one of card.holder, bank.iban is required",
    )
    absent = contract(fields={"account_id": {"first_of": ["a", "b"], "absent": None}})
    assert accepted(absent, payload()).account_id is None


def test_place_that_is_wrong_is_not_passed_over() -> None:
    """A value that cannot be read is a question: the next place would be a guess."""
    amount = {"first_of": [{"at": "a", "as": "decimal_text"}, {"at": "b", "as": "decimal"}]}
    said = contract(fields={"amount": amount})

    assert reason(said, payload(a="x", b="12.50")) == "bad_amount"
    assert accepted(said, payload(a=None, b=12.5)).amount_minor == 1250


def test_places_are_part_of_the_fingerprint() -> None:
    def print_of(*places: str) -> str:
        field = {"first_of": list(places)} if len(places) > 1 else places[0]
        return fingerprint(contract(fields={"transaction_id": field}))

    assert len({print_of("id"), print_of("id", "b"), print_of("id", "c"), print_of("b", "id")}) == 4
    by_record = with_amount(**{"as": "minor_integer", "digits": {"at": "d"}})
    other = with_amount(**{"as": "minor_integer", "digits": {"at": "e"}})
    plain = with_amount(**{"as": "minor_integer"})
    assert len({fingerprint(each) for each in (by_record, other, plain)}) == 3


def test_sign_that_says_the_type_may_be_a_fact() -> None:
    amount = {"at": "amount", "as": "decimal", "positive_is": "purchase", "negative_is": "refund"}
    facts = ["amount", "currency", "payment_type"]
    said = contract(fields={"amount": amount, "payment_type": ...}, facts=facts)

    assert accepted(said, payload(amount=-12.5)).payment_type == "refund"


def test_reversal_with_the_id_of_its_payment_is_no_copy_of_it() -> None:
    amount = {"at": "amount", "as": "decimal", "negative_is": "refund"}
    said = contract(fields={"amount": amount})

    one, other = (accepted(said, payload(amount=each)) for each in (12.5, -12.5))
    assert facts_of(one, said.fact_names) != facts_of(other, said.fact_names)
    with pytest.raises(ContractError, match="facts must name payment_type"):
        contract(fields={"amount": amount}, facts=["amount", "currency"])


def test_separator_that_a_part_holds_is_told_with_the_way_out() -> None:
    said = contract(fields={"transaction_id": {"join": ["payee", "time"]}})

    why, detail = outcome(said, payload())  # type: ignore[misc]
    assert why == "bad_transaction_id" and "Hint: `separator:` names another" in detail
    apart = contract(fields={"transaction_id": {"join": ["payee", "time"], "separator": "/"}})
    assert accepted(apart, payload()).transaction_id == "shop/2026-11-23T08:15:30Z"

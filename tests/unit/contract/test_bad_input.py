"""Bad input gets what the decision says: a test for each row (docs/decisions/0027)."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
import yaml

from tests.support.contract_records import SAMPLE, Record, avro, debezium_avro
from tests.support.contracts import (
    accepted,
    contract,
    no_file,
    outcome,
    payload,
    plain,
    reason,
    schemas_of,
    shipped,
)
from transforms.codecs.contract.load import load
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.schema_source import RegistryUnavailable, WriterSchema


def test_the_plain_one_is_accepted() -> None:
    transaction = accepted(contract(), payload())

    assert transaction.amount_minor == 1250
    assert transaction.event_time_us == 1_795_421_730_000_000


# value null


def test_tombstone_is_invalid_unless_it_is_said_to_be_skipped() -> None:
    assert reason(contract(), None) == "tombstone"
    assert outcome(contract(tombstones="skip"), None) == ("skipped", "tombstone")


# not this format


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"nonsense", b'{"a": NaN}', b"[1" * 2_000])
def test_what_is_no_json(raw: bytes) -> None:
    assert reason(contract(), raw) == "not_json"


def test_broken_json_within_json_names_its_layer() -> None:
    inside = contract(unwrap=[{"at": "body", "as": "json_text"}])

    assert outcome(inside, json.dumps({"body": "{"}).encode())[0] == "not_json"
    assert str(outcome(inside, json.dumps({"body": "{"}).encode())[1]).startswith("body: ")


@pytest.mark.parametrize(
    "raw", [b"", b"\0\0\0\0", b"\1\0\0\0\1x", b"{}", b"\0\0\0\0\1", b"\0\0\0\0\1\xff"]
)
def test_what_is_no_framed_avro(raw: bytes) -> None:
    said = shipped("debezium-avro")

    assert reason(said, raw, schemas=schemas_of("debezium-avro")) == "not_decodable"


def test_bytes_behind_avro_are_not_passed_over() -> None:
    raw = (debezium_avro(SAMPLE).payload or b"") + b"\0"

    found = outcome(shipped("debezium-avro"), raw, schemas=schemas_of("debezium-avro"))
    assert found[0] == "not_decodable" and "1 bytes are left over" in str(found[1])


def test_what_is_no_protobuf() -> None:
    assert reason(shipped("protobuf"), b"\xff\xff") == "not_decodable"


@pytest.mark.parametrize(
    "text", ["data:text/plain,x", "no uri", "data:a;base64,%%%", "data:;base64,e"]
)
def test_what_is_no_data_uri(text: str) -> None:
    said = contract(unwrap=[{"at": "body", "as": "data_uri_json"}])

    assert reason(said, json.dumps({"body": text}).encode()) == "not_decodable"


def test_too_large() -> None:
    assert reason(contract(payload_bytes_max=20), payload()) == "too_large"


# schemas


def test_unknown_schema_is_a_dead_letter_with_its_id() -> None:
    raw = b"\0\0\0\1\0" + b"x"

    found = outcome(shipped("debezium-avro"), raw, schemas=schemas_of("debezium-avro"))
    assert found[0] == "unknown_schema" and "256" in str(found[1])


def test_registry_that_is_down_judges_no_record() -> None:
    class Down:
        def schema(self, schema_id: int) -> WriterSchema:
            raise RegistryUnavailable("down")

    with pytest.raises(RegistryUnavailable):
        outcome(shipped("debezium-avro"), debezium_avro(SAMPLE), schemas=Down())


def test_field_that_the_schema_lacks_is_missing_with_its_path() -> None:
    row = {"id": 1, "reference": "t", "payer": 1, "payee": 2, "amount": b"\1", "currency": "EUR"}
    raw = avro("debezium-avro", 1, {"after": {**row, "status": "x", "created_at": 1}, "op": "c"})
    said = shipped("debezium-avro")
    fields = {
        **said.fields,
        "merchant_id": contract(fields={"merchant_id": "after.shop"}).fields["merchant_id"],
    }

    other = dataclasses.replace(said, fields=fields, keep=())
    found = outcome(other, raw, schemas=schemas_of("debezium-avro"))
    assert found == ("missing_field", "after.shop is required")


# paths


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"a": None}, "a.b.c is required, but a is null"),
        ({"a": 3}, "a.b.c is required, but a is an integer"),
        ({"a": {"b": "x"}}, "a.b.c is required, but a.b is a string"),
        ({}, "a.b.c is required, but a is absent"),
        ({"a": {"b": {"c": None}}}, "a.b.c is required, got null"),
        ({"a": [1]}, "a.b.c is required, but a.b is absent"),
    ],
)
def test_path_that_ends_early_is_told_whole(value: Any, detail: str) -> None:
    said = contract(fields={"merchant_id": "a.b.c"})

    assert outcome(said, payload(**value)) == ("missing_field", detail)


# states


STATES = [{"at": "state", "in": ["done"], "skip": ["open"]}]


def test_state_that_no_list_names_is_seen() -> None:
    said = contract(keep=STATES)

    assert reason(said, payload(state="done")) == "accepted"
    assert outcome(said, payload(state="open")) == ("skipped", "state=open")
    assert reason(said, payload(state="new")) == "unknown_state"
    assert reason(said, payload()) == "missing_field"
    assert reason(said, payload(state=["done"])) == "unknown_state"


def test_open_list_skips_what_it_does_not_name() -> None:
    said = contract(keep=[{"at": "state", "in": ["done"], "else": "skip"}])

    assert outcome(said, payload(state="new")) == ("skipped", "state: else")
    assert outcome(said, payload()) == ("skipped", "state: else")


def test_true_is_not_one_and_one_is_no_text() -> None:
    said = contract(keep=[{"at": "flag", "in": [1], "skip": ["1"]}])

    assert reason(said, payload(flag=1)) == "accepted"
    assert reason(said, payload(flag="1")) == "skipped"
    assert reason(said, payload(flag=True)) == "unknown_state"


def test_rule_around_the_payload_is_asked_before_it_is_unwrapped() -> None:
    said = contract(
        unwrap=[{"at": "body", "as": "object"}],
        keep=[{"at": "outer:op", "in": ["c"], "skip": ["d"]}],
    )

    assert outcome(said, b'{"op": "d", "body": null}') == ("skipped", "outer:op=d")


# several payments


def test_two_items_where_one_is_required() -> None:
    said = contract(unwrap=[{"at": "items", "as": "single"}])
    one = json.loads(payload())

    assert reason(said, json.dumps({"items": [one]}).encode()) == "accepted"
    assert reason(said, json.dumps({"items": [one, one]}).encode()) == "several_payments"
    assert reason(said, json.dumps({"items": []}).encode()) == "missing_field"
    assert reason(said, json.dumps({"items": one}).encode()) == "wrong_type"


# money


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("12.505", "amount_not_exact"),
        ("12.50000", "accepted"),
        ("1e3", "bad_amount"),
        ("1,250", "bad_amount"),
        ("NaN", "bad_amount"),
        ("", "bad_amount"),
        (" 12.50", "bad_amount"),
        ("+12.50", "bad_amount"),
        (".5", "bad_amount"),
        ("12.", "bad_amount"),
        ("١٢", "bad_amount"),
        ("0", "amount_not_positive"),
        ("-12.50", "amount_not_positive"),
        ("9" * 30, "amount_too_large"),
        ("9" * 4_000, "bad_amount"),
    ],
)
def test_amounts_that_are_texts(text: str, why: str) -> None:
    assert reason(contract(), payload(amount=text)) == why


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("12.5", "accepted"),
        ("12.50", "accepted"),
        ("1.25e1", "accepted"),
        ("12", "accepted"),
        ("12.505", "amount_not_exact"),
        ("0.30000000000000004", "amount_not_exact"),
        ("12.500000000000000001", "amount_not_exact"),
        ("12345678901234.56", "amount_not_exact"),
        ("0", "amount_not_positive"),
        ("-0.0", "amount_not_positive"),
        ("1e300", "bad_amount"),
        ("1e-300", "bad_amount"),
        ("true", "wrong_type"),
        ("[]", "wrong_type"),
    ],
)
def test_amounts_that_are_numbers(number: str, why: str) -> None:
    raw = payload(amount="?").replace(b'"?"', number.encode())

    assert reason(contract(fields={"amount": {"at": "amount", "as": "decimal_number"}}), raw) == why


def test_number_is_exact_whatever_else_the_record_holds() -> None:
    """A long number elsewhere costs a second look, and nothing more."""
    said = contract(fields={"amount": {"at": "amount", "as": "decimal_number"}})
    raw = payload(amount=12.5, other={"amount": 1795421730250000123})

    assert accepted(said, raw).amount_minor == 1250


@pytest.mark.parametrize("name", ["am\\u006funt", "amount"])
def test_no_spelling_of_its_name_hides_a_long_number(name: str) -> None:
    said = contract(fields={"amount": {"at": "amount", "as": "decimal_number"}})
    raw = payload(amount="?").replace(b'"amount"', b'"%s"' % name.encode())
    raw = raw.replace(b'"?"', b"12.500000000000000001")

    assert reason(said, raw) == "amount_not_exact"


LONG = "12.500000000000000001"


@pytest.mark.parametrize(
    ("at", "body"),
    [
        ("sums.0", '{"sums": [LONG]}'),
        ("`a/b`", '{"a\\/b": LONG}'),
        ("é", '{"\\u00e9": LONG}'),
        ("sums.[k=a].v", '{"sums": [{"k": "a", "v": LONG}]}'),
    ],
)
def test_long_number_is_found_wherever_it_lies(at: str, body: str) -> None:
    said = contract(fields={"amount": {"at": at, "as": "decimal_number"}})
    raw = payload()[:-1] + b", " + body[1:].encode()

    assert reason(said, raw.replace(b"LONG", LONG.encode())) == "amount_not_exact"
    assert reason(said, raw.replace(b"LONG", b"12.5")) == "accepted"


def test_long_number_around_the_payload_or_in_the_key() -> None:
    inside = json.dumps({"body": payload(amount=...).decode()})
    outer = contract(
        unwrap=[{"at": "body", "as": "json_text"}],
        fields={"amount": {"at": "outer:amount", "as": "decimal_number"}},
    )
    key = contract(fields={"amount": {"at": "key:amount", "as": "decimal_number"}})

    for number, why in ((LONG, "amount_not_exact"), ("12.5", "accepted")):
        whole = f'{{"amount": {number}, {inside[1:]}'.encode()
        assert reason(outer, whole) == why
        record = Record(payload=payload(), key=f'{{"amount": {number}}}'.encode())
        assert reason(key, record) == why


def test_refund_by_sign() -> None:
    said = contract(fields={"amount": {"at": "amount", "as": "decimal", "negative_is": "refund"}})

    refund = accepted(said, payload(amount=-12.5))
    assert (refund.payment_type, refund.amount_minor) == ("refund", 1250)
    assert accepted(said, payload(amount=12.5)).payment_type == "purchase"


# time


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rfc3339", "2026-11-23T08:15:30"),
        ("rfc3339", "2026-02-30T08:15:30Z"),
        ("rfc3339", "2026-11-23"),
        ("rfc3339", "2026-11-23T25:15:30Z"),
        ("rfc3339", "0000-01-01T00:00:00Z"),
        ("rfc3339", "0001-01-01T00:00:00+23:59"),
        ("epoch_s", 1_795_421_730_250),
        ("epoch_ms", 1_795_421_730),
        ("epoch_ms", "1795421730250x"),
        ("epoch_us", 1_795_421_730_250),
        ("epoch_ns", 1_795_421_730),
        ("epoch_us", 9_223_372_036_825_200_000),  # PostgreSQL's infinity, by Debezium
        ("epoch_us", -9_223_372_036_832_400_000),
        ("epoch_days", 1_795_421_730),
    ],
)
def test_times_that_are_none(kind: str, value: Any) -> None:
    field = {"at": "time", "as": kind}
    if kind == "epoch_days":
        field["zone"] = "UTC"

    assert reason(contract(fields={"event_time": field}), payload(time=value)) == "bad_event_time"


# repeated fields


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id": "1", "id": "2"}',
        b'{ "a": {"id": "1", "id": "2"}, "b": 12.50 }',
        b'{"id": "1", "\\u0069d": "2"}',
        b'{"a": [{"b": 1, "b": 1}]}',
    ],
)
def test_repeated_field_is_refused_at_any_depth(raw: bytes) -> None:
    assert reason(contract(), raw) == "repeated_field"


@pytest.mark.parametrize("text", ["caf\\u00e9", "a\\/b", 'say \\"id\\"', "\\u0022id\\u0022", "  "])
def test_other_spellings_repeat_nothing(text: str) -> None:
    raw = payload(note="?").replace(b"?", text.encode())

    assert reason(contract(), raw) == "accepted"


def test_header_that_stands_twice_must_agree() -> None:
    said = contract(fields={"transaction_id": "header:id"})
    twice = (("id", b"1"), ("id", b"1"))

    assert accepted(said, Record(payload=payload(), headers=twice)).transaction_id == "1"
    torn = Record(payload=payload(), headers=(("id", b"1"), ("id", b"2")))
    assert reason(said, torn) == "repeated_field"
    assert reason(said, Record(payload=payload(), headers=(("id", b"\xff"),))) == "not_decodable"
    assert reason(said, Record(payload=payload())) == "missing_field"


# ids


@pytest.mark.parametrize("name", ["alice@example.com", "a/b", "+4915112345", "x" * 255, "users:a"])
def test_ids_as_they_are_outside(name: str) -> None:
    assert accepted(contract(), payload(id=name)).transaction_id == name


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 256, "é", "\x00", "\u200b"])
def test_ids_that_look_like_others(name: str) -> None:
    assert reason(contract(), payload(id=name)) == "bad_transaction_id"


def test_unicode_ids_are_of_one_form() -> None:
    said = contract(ids="unicode")

    assert reason(said, payload(id="caf\u00e9")) == "accepted"
    assert reason(said, payload(id="cafe\u0301")) == "bad_transaction_id"
    assert reason(said, payload(id="\u200b")) == "bad_transaction_id"


def test_id_that_is_a_number() -> None:
    assert accepted(contract(), payload(id=42)).transaction_id == "42"
    assert reason(contract(), payload(id=4.2)) == "wrong_type"
    assert reason(contract(), payload(id=True)) == "wrong_type"
    assert reason(contract(), payload(id=10**30)) == "wrong_type"


def test_joined_ids_cannot_be_mistaken() -> None:
    said = contract(fields={"transaction_id": {"join": ["payee", "id"]}})

    assert accepted(said, payload()).transaction_id == "shop:tx-1"
    assert reason(said, payload(payee="a:b")) == "bad_transaction_id"
    assert reason(said, payload(payee=None)) == "missing_field"


def test_payer_may_be_unknown() -> None:
    assert accepted(contract(), payload(payer=None)).account_id is None
    assert accepted(contract(), payload(payer=...)).account_id is None


# contracts


BASE = yaml.safe_dump(plain(), sort_keys=False)


def test_mistakes_of_a_contract_are_told_at_once_with_lines() -> None:
    text = BASE.replace("transaction_id: id", "transaction_idd: id").replace(
        "as: decimal", "as: decimel"
    )
    text += "colums: []\nfacts: [amount, payee]\n"

    with pytest.raises(ContractError) as error:
        load(text, "my.yaml", no_file)

    said = str(error.value).splitlines()
    assert len(said) == 6, said
    assert said[0].startswith("my.yaml:4: fields.transaction_id is required")
    assert "my.yaml:5: fields.transaction_idd is no key here. Hint: 'transaction_id'?" in said
    assert any("got 'decimel'. Hint: 'decimal'?" in line for line in said)
    assert f"my.yaml:{BASE.count(chr(10)) + 1}: colums is no key here. Hint: 'columns'?" in said
    assert any("facts must name currency" in line for line in said)


A_MINOR = {"at": "a", "as": "minor_integer"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contract": 2}, "contract must be 1"),
        ({"contract": ...}, "contract is required"),
        ({"means": ...}, "means is required"),
        ({"format": "xml"}, "format must be one of json"),
        ({"format": "avro"}, "schema is required for avro, with file"),
        ({"format": "avro_registry", "schema": {"registry": "x"}}, "must be a URL"),
        ({"format": "avro", "schema": {"file": "a.avsc"}}, "cannot be read"),
        ({"keep": [{"at": "s"}]}, "keep.0.in is required"),
        ({"keep": [{"at": "s", "in": ["a"], "skip": ["a"]}]}, "names 'a' in both"),
        ({"keep": [{"at": "s", "in": ["a"]}] * 2}, "two rules of the name 's'"),
        (
            {"columns": [{"name": "amount", "at": "x", "type": "STRING"}]},
            "is a column of the table",
        ),
        ({"columns": [{"name": "a b", "at": "x", "type": "STRING"}]}, "letters, digits and _"),
        ({"columns": [{"name": "a", "at": "x", "type": "DATE"}]}, "columns.0.type must be one of"),
        ({"columns": [{"name": "a", "at": "x", "type": "STRING"}] * 2}, "names 'a' twice"),
        ({"extra": {"without": ["x"]}}, "extra.column is required"),
        ({"facts": ["amount", "currency", "device_id"]}, "does not map"),
        ({"unwrap": [{"at": "x", "as": "zip"}]}, "unwrap.0.as must be one of object"),
        ({"topics": ["a b"]}, "topics must be names of topics"),
        ({"arrival": "create_time"}, "arrival must be one of"),
        ({"fields": {"event_time": {"at": "t", "as": "iso_local"}}}, "zone is required"),
        ({"fields": {"event_time": {"at": "t", "as": "date", "zone": "Berlin"}}}, "a time zone"),
        ({"fields": {"event_time": "t"}}, "fields.event_time must be a mapping with at and as"),
        (
            {
                "fields": {
                    "event_time": {"at": "t", "as": "pattern", "pattern": "%m%d", "zone": "UTC"}
                }
            },
            "with a year, month and day, got '%m%d'. Hint: where the record says no year",
        ),
        ({"fields": {"event_time": {"at": "t", "as": "parts"}}}, "event_time.zone is required"),
        ({"fields": {"account_id": {"first_of": ["a"]}}}, "first_of must be 2 to 10 places"),
        ({"fields": {"account_id": {"first_of": "a"}}}, "first_of must be a list of places"),
        (
            {"fields": {"account_id": {"first_of": ["a", {"const": "x"}]}}},
            "account_id.first_of.1 must be one path, or a mapping with `at`",
        ),
        (
            {"fields": {"account_id": {"first_of": ["a", {"at": "b", "absent": None}]}}},
            "first_of.1.absent is no key here. Hint: `absent` of fields.account_id",
        ),
        ({"fields": {"account_id": {"first_of": ["a", "b"], "at": "c"}}}, "at is no key here"),
        (
            {"fields": {"amount": {"first_of": [A_MINOR, {**A_MINOR, "digits": 3}]}}},
            "first_of.1 must have the digits and signs of fields.amount.first_of.0",
        ),
        ({"fields": {"event_time": {"first_of": ["a", "b"]}}}, "first_of.0 must be a mapping"),
        (
            {"fields": {"amount": {**A_MINOR, "digits": {"at": "x", "EUR": 2}}}},
            "digits.EUR is no key here. Hint: one of at",
        ),
        (
            {"fields": {"amount": {"at": "a", "as": "decimal", "digits": {"at": "x"}}}},
            "digits is for minor units alone, and decimal has none",
        ),
        ({"fields": {"amount": {"at": "a", "as": "connect_decimal"}}}, "scale is required"),
        (
            {"fields": {"amount": {"at": "a", "as": "decimal", "digits": 2}}},
            "minor units alone",
        ),
        (
            {"fields": {"amount": {"at": "a", "as": "minor_integer", "digits": "strip"}}},
            "'stripe'?",
        ),
        ({"fields": {"amount": {"at": "a", "as": "avro_decimal"}}}, "avro_decimal is for Avro"),
        ({"fields": {"payment_type": {"const": "buy"}}}, "must be one of purchase"),
        ({"fields": {"payment_type": {"at": "k", "map": {"A": "buy"}}}}, "must be one of purchase"),
        ({"fields": {"merchant_id": {"at": "a", "const": "b"}}}, "must have one source"),
        ({"fields": {"merchant_id": {}}}, "must have a source"),
        ({"fields": {"merchant_id": "a..b"}}, "must be names with dots between them"),
        ({"fields": {"merchant_id": "header:"}}, "must name a header"),
        ({"fields": {"merchant_id": "kafka:offsets"}}, "must be one of kafka:timestamp"),
        ({"fields": {"transaction_id": {"join": ["a"]}}}, "must be two paths or more"),
        ({"fields": {"transaction_id": {"at": "a", "absent": None}}}, "must be a text, got null"),
        ({"fields": {"currency": {"at": "c", "absent": "eur"}}}, "must be an ISO 4217 code"),
        ({"fields": 3}, "fields"),
    ],
)
def test_wrong_contract_stops_with_one_line(changes: dict[str, Any], said: str) -> None:
    whole = plain(**{k: v for k, v in changes.items() if v != 3 or k != "fields"})
    if changes.get("fields") == 3:
        whole["fields"] = 3

    with pytest.raises(ContractError, match=r"^t:\d+: ") as error:
        load(json.dumps(whole), "t", no_file)  # JSON is YAML

    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("a: [", "no YAML"),
        ("a: 1\na: 2\n", "'a' stands twice, first in line 1"),
        ("a: &x 1\nb: *x\n", "no aliases"),
        ("a: !!python/name:os.system x\n", "no tags"),
        ("? [1]\n: 2\n", "a key must be a text"),
        ("- 1\n", "must be a mapping"),
        ("a: \x07\n", "no YAML"),
        ("[" * 5_000 + "]" * 5_000, "nested too deep"),
        ("contract: 1" + "0" * 5_000, "digits"),
        ('a: "x\\ud800"\n', r"no half of a character, got 'x\ud800'"),
        ('"\\udfff": 1\n', "no half of a character"),
    ],
)
def test_file_that_is_no_contract_at_all(text: str, said: str) -> None:
    with pytest.raises(ContractError) as error:
        load(text, "t", no_file)

    assert said in str(error.value)


def test_norway_is_a_country() -> None:
    text = BASE.replace("const: purchase", "at: country\n    map: {NO: purchase}")
    said = load(text, "t", no_file)

    assert accepted(said, payload(country="NO")).payment_type == "purchase"
    assert reason(said, payload(country="SE")) == "unknown_payment_type"


def test_connect_decimal_of_its_own_schema() -> None:
    said = contract(
        unwrap=[{"at": "payload", "as": "object"}],
        fields={"amount": {"at": "amount", "as": "connect_decimal", "scale": "from_schema"}},
    )

    def record(scale: str) -> bytes:
        field = {"field": "amount", "type": "bytes", "parameters": {"scale": scale}}
        row = json.loads(payload(amount=base64.b64encode(b"\x04\xe2").decode()))
        return json.dumps({"schema": {"fields": [field]}, "payload": row}).encode()

    assert accepted(said, record("2")).amount_minor == 1250
    assert accepted(said, record("0")).amount_minor == 125_000  # after an ALTER COLUMN
    assert reason(said, record("3")) == "accepted"
    assert reason(said, record("x")) == "missing_field"
    assert reason(said, record("1000000000")) == "bad_amount"


def test_list_of_what_is_allowed_is_said_once_and_is_short() -> None:
    with pytest.raises(ContractError) as error:
        contract(fields={"event_time": {"at": "t", "as": "clock"}})
    assert str(error.value).count("rfc3339_utc") == 1

    with pytest.raises(ContractError) as error:
        contract(fields={"amount": {**A_MINOR, "digits": {"exponent": 2}}})
    assert "digits.exponent is no key here" in str(error.value)
    assert len(str(error.value)) < 300

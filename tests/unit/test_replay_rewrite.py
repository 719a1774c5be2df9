"""Fields of a dead letter are set in its own encoding: layers, frame and schema id stay."""

from __future__ import annotations

from typing import Any

import pytest

from operations.dead_letters import fields, rewrite
from tests.support import contract_records
from tests.support.contract_records import SAMPLE
from tests.support.contracts import schemas_of, shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.shipped import NAMES
from transforms.payment.transaction import KafkaRecord, Transaction

# The contract whose payload is a text that holds JSON.
JSON_TEXT = next(
    name for name in NAMES if [each.kind for each in shipped(name).unwrap] == ["json_text"]
)
SET = [
    ("native", "currency", "USD", "currency"),
    ("stripe", "data.object.currency", "usd", "currency"),
    ("hyperswitch", "currency", "USD", "currency"),
    ("adyen", "amount.currency", "USD", "currency"),
    ("pacs008", "IntrBkSttlmAmt.Ccy", "USD", "currency"),
    ("mojaloop", "amount.currency", "USD", "currency"),
    ("mojaloop", "outer:metadata.event.createdAt", "2026-11-23T09:00:00Z", "event_time_us"),
    (JSON_TEXT, "currency", "USD", "currency"),
    ("debezium-avro", "after.currency", "USD", "currency"),
    ("debezium-avro", "after.amount", "99.25", "amount_minor"),
    ("debezium-avro", "after.amount", "-0.01", "amount_minor"),
    ("confluent-avro", "amount", 99.25, "amount_minor"),
]


def parts(name: str) -> tuple[KafkaRecord, Decoder]:
    record = contract_records.ENCODERS[name](SAMPLE)
    return record, Decoder(shipped(name), schemas_of(name))


def paid(record: KafkaRecord, decoder: Decoder) -> Transaction:
    [found] = decoder.decode([record]).transactions
    return found


@pytest.mark.parametrize(("name", "path", "value", "field"), SET)
def test_field_is_set_and_nothing_else(name: str, path: str, value: Any, field: str) -> None:
    record, decoder = parts(name)

    payload = rewrite.changed(record.payload, [(path, value)], decoder)

    assert payload is not None and payload[:5] == (record.payload or b"")[:5]
    before, after = paid(record, decoder), paid(record._replace(payload=payload), decoder)
    assert getattr(before, field) != getattr(after, field)
    assert before._replace(**{field: getattr(after, field)}, extras=after.extras) == after
    # Set back, every byte is as it was.
    if field == "currency":
        was = "eur" if value.islower() else "EUR"
        assert rewrite.changed(payload, [(path, was)], decoder) == record.payload


@pytest.mark.parametrize("name", [JSON_TEXT, "mojaloop", "debezium-avro", "protobuf"])
def test_header_alone_leaves_every_byte(name: str) -> None:
    record, decoder = parts(name)

    assert rewrite.changed(record.payload, [("header:a", "b")], decoder) == record.payload


@pytest.mark.parametrize(
    ("name", "path", "value", "told"),
    [
        ("debezium-avro", "after.nothing", 1, "no field after.nothing"),
        ("debezium-avro", "before.currency", "USD", "is not there"),
        ("debezium-avro", "after.amount", "1.005", "2 digits behind the point"),
        ("debezium-avro", "after.amount", "much", "must be a decimal"),
        ("debezium-avro", "after.payer", "someone", "cannot be 'someone'"),
        ("protobuf", "currency", "USD", "protobuf cannot be set"),
    ],
)
def test_what_cannot_be_set_is_told(name: str, path: str, value: Any, told: str) -> None:
    record, decoder = parts(name)

    with pytest.raises(ValueError, match=told):
        rewrite.changed(record.payload, [(path, value)], decoder)


@pytest.mark.parametrize("typed", ["1.00000000000000001", f'"0.1{"0" * 40}1"', '"1e999999999"'])
def test_amount_that_is_typed_is_never_rounded(typed: str) -> None:
    record, decoder = parts("debezium-avro")

    with pytest.raises(ValueError, match=r"digits behind the point|must be a decimal"):
        rewrite.changed(record.payload, [fields.setting(f"after.amount={typed}")], decoder)


@pytest.mark.parametrize("name", ["debezium-avro", "mojaloop", JSON_TEXT, "adyen"])
@pytest.mark.parametrize(
    "payload", [b"", b"\x00", b"\x00\x00\x00\x00\x07\xff", b"{}", b'"x"', None]
)
def test_broken_bytes_are_a_line(name: str, payload: bytes | None) -> None:
    _, decoder = parts(name)

    with pytest.raises(ValueError):
        rewrite.changed(payload, [("a.b", 1)], decoder)

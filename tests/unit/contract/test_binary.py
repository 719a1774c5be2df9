"""Avro and Protobuf: the writer's schema, values that mean something by it, bytes of others."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import fastavro
import pytest

from tests.support.contract_records import (
    DESCRIPTOR,
    SAMPLE,
    descriptor_set,
    payment_class,
    protobuf,
)
from tests.support.contracts import accepted, contract, outcome, plain, reason, shipped
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load
from transforms.codecs.contract.mistakes import ContractError
from transforms.codecs.contract.schema_source import KnownSchemas, WriterSchema

FIELDS = [
    ("id", "string"),
    ("payer", ["null", "string"]),
    ("payee", {"type": "fixed", "name": "F", "size": 4}),
]


def schema(**types: Any) -> dict[str, Any]:
    kinds = {"id": "long", "payer": ["null", "string"], "payee": "string", "currency": "string"}
    kinds |= {"amount": "double", "time": {"type": "long", "logicalType": "timestamp-micros"}}
    fields = [{"name": name, "type": kind} for name, kind in {**kinds, **types}.items()]
    return {"type": "record", "name": "P", "fields": fields}


def bare(said: dict[str, Any], **fields: Any) -> Contract:
    time = {"event_time": {"at": "time", "as": "timestamp"}}
    text = json.dumps(plain(format="avro", schema={"file": "p.avsc"}, fields={**time, **fields}))
    return load(text, "t", lambda name: json.dumps(said).encode())


def written(said: dict[str, Any], **values: Any) -> bytes:
    value = {"id": 1, "payer": None, "payee": "shop", "currency": "EUR", "amount": 12.5}
    value |= {"time": 1_795_421_730_250_000, **values}
    file = io.BytesIO()
    # What a schema means is left out: the bytes are the same.
    raw = json.loads(json.dumps(said).replace('"logicalType"', '"ignored"'))
    fastavro.schemaless_writer(file, raw, value)
    return file.getvalue()


def decimal(scale: int, **more: Any) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": scale, **more}


AVRO_DECIMAL = {"amount": {"at": "amount", "as": "avro_decimal"}}
NUMBER = {"amount": {"at": "amount", "as": "decimal_number"}}


def test_bare_avro() -> None:
    found = accepted(bare(schema(), **NUMBER), written(schema()))

    assert found[:3] == ("1", None, "shop")
    assert (found.amount_minor, found.event_time_us) == (1250, 1_795_421_730_250_000)


def test_double_that_is_no_short_decimal() -> None:
    said = bare(schema(), **NUMBER)

    assert reason(said, written(schema(), amount=0.1 + 0.2)) == "amount_not_exact"
    assert reason(said, written(schema(), amount=float("inf"))) == "bad_amount"
    assert reason(said, written(schema(), amount=float("nan"))) == "bad_amount"


def test_decimal_has_the_scale_of_its_writer() -> None:
    two, four = schema(amount=decimal(2)), schema(amount=decimal(4))
    known = {1: WriterSchema(json.dumps(two)), 2: WriterSchema(json.dumps(four))}
    said = dataclasses.replace(bare(two, **AVRO_DECIMAL), format="avro_registry")

    old = b"\0\0\0\0\1" + written(two, amount=b"\x04\xe2")
    new = b"\0\0\0\0\2" + written(four, amount=b"\x01\xe8\x48")
    for raw in (old, new):
        assert accepted(said, raw, schemas=KnownSchemas(known)).amount_minor == 1250


def test_decimal_of_more_digits_than_its_schema_is_not_rounded() -> None:
    """A precision of 4, and 7 digits: fastavro's own reader makes 1234000 of them."""
    said = schema(amount=decimal(2))

    found = accepted(bare(said, **AVRO_DECIMAL), written(said, amount=b"\x12\xd6\x87"))
    assert found.amount_minor == 1_234_567


@pytest.mark.parametrize("scale", [2, 5])
def test_decimal_of_more_digits_than_python_writes_is_no_amount(scale: int) -> None:
    said = schema(amount=decimal(scale, precision=9))
    raw = written(said, amount=b"\x7f" * 3_000)

    assert reason(bare(said, **AVRO_DECIMAL), raw) == "wrong_type"
    connect = {"amount": {"at": "amount", "as": "connect_decimal", "scale": 2}}
    assert reason(bare(said, **connect), raw) == "bad_amount"


def test_decimal_in_a_fixed() -> None:
    fixed = {"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal"}
    said = schema(amount={**fixed, "precision": 18, "scale": 2})

    raw = written(said, amount=(1250).to_bytes(8, "big"))
    assert accepted(bare(said, **AVRO_DECIMAL), raw).amount_minor == 1250


def test_bytes_without_a_decimal_are_no_amount() -> None:
    said = schema(amount="bytes")

    assert reason(bare(said, **AVRO_DECIMAL), written(said, amount=b"\1")) == "wrong_type"


@pytest.mark.parametrize("unit", ["millis", "micros", "nanos"])
def test_timestamp_is_of_the_unit_of_its_schema(unit: str) -> None:
    per_second = {"millis": 1_000, "micros": 1_000_000, "nanos": 1_000_000_000}[unit]
    said = schema(time={"type": "long", "logicalType": f"timestamp-{unit}"})

    found = accepted(bare(said, **NUMBER), written(said, time=1_795_421_730 * per_second))
    assert found.event_time_us == 1_795_421_730_000_000


def test_local_timestamp_needs_a_zone() -> None:
    said = schema(time={"type": "long", "logicalType": "local-timestamp-millis"})
    raw = written(said, time=1_795_421_730_250)

    assert reason(bare(said, **NUMBER), raw) == "bad_event_time"
    time = {"event_time": {"at": "time", "as": "timestamp", "zone": "Europe/Berlin"}}
    found = accepted(bare(said, **NUMBER, **time), raw)
    assert found.event_time_us == 1_795_421_730_250_000 - 3_600_000_000


def test_time_that_no_calendar_has_costs_one_field_and_not_the_record() -> None:
    assert reason(bare(schema(), **NUMBER), written(schema(), time=2**63 - 1)) == "bad_event_time"
    other = schema(other={"type": "long", "logicalType": "timestamp-millis"})
    assert reason(bare(other, **NUMBER), written(other, other=2**63 - 1)) == "accepted"


def test_date_of_avro() -> None:
    said = schema(time={"type": "int", "logicalType": "date"})
    time = {"event_time": {"at": "time", "as": "epoch_days", "zone": "UTC"}}

    found = accepted(bare(said, **NUMBER, **time), written(said, time=20_780))
    assert found.event_time_us == 1_795_392_000_000_000


def test_avro_within_avro() -> None:
    outer = {"type": "record", "name": "O", "fields": [{"name": "body", "type": "bytes"}]}
    files = {"o.avsc": outer, "p.avsc": schema()}
    unwrap = [{"at": "body", "as": "avro_bytes", "schema": {"file": "p.avsc"}}]
    time = {"event_time": {"at": "time", "as": "timestamp"}}
    said = plain(format="avro", schema={"file": "o.avsc"}, unwrap=unwrap, fields={**time, **NUMBER})
    loaded = load(json.dumps(said), "t", lambda name: json.dumps(files[name]).encode())
    file = io.BytesIO()
    fastavro.schemaless_writer(file, outer, {"body": written(schema())})

    assert accepted(loaded, file.getvalue()).amount_minor == 1250
    assert reason(loaded, file.getvalue()[:-1]) == "not_decodable"


def test_framed_avro_within_json() -> None:
    import base64

    unwrap = [{"at": "body", "as": "avro_registry_bytes"}]
    time = {"event_time": {"at": "time", "as": "timestamp"}}
    said = contract(unwrap=unwrap, schema={"registry": "http://x"}, fields={**time, **NUMBER})
    known = KnownSchemas({1: WriterSchema(json.dumps(schema()))})
    body = base64.b64encode(b"\0\0\0\0\1" + written(schema())).decode()

    raw = json.dumps({"body": body}).encode()
    assert accepted(said, raw, schemas=known).amount_minor == 1250


def test_schema_of_a_contract_must_be_one() -> None:
    for text in (b"{", b"\xff", b'{"type": "x"}'):
        with pytest.raises(ContractError, match=r"schema\.file"):
            load(json.dumps(plain(format="avro", schema={"file": "x"})), "t", lambda _, t=text: t)


# Protobuf


def test_descriptor_in_the_repository_is_that_of_the_proto() -> None:
    assert DESCRIPTOR.read_bytes() == descriptor_set().SerializeToString(deterministic=True)


def test_confluents_frame_around_protobuf() -> None:
    said = dataclasses.replace(shipped("protobuf"), format="protobuf_registry")
    message = protobuf(SAMPLE).payload or b""
    frame = b"\0\0\0\0\5"

    # The third message of the file: Money, Payment — Payment is at 1.
    assert accepted(said, frame + b"\x02\x02" + message).amount_minor == 1250
    assert reason(said, frame + b"\x00" + message) == "not_decodable"  # the first one
    assert reason(said, frame + b"\x02\x04" + message) == "not_decodable"
    for raw in (b"", frame, frame + b"\xff" * 9, frame + b"\x80", message):
        assert reason(said, raw) == "not_decodable"


def test_field_that_is_not_set_is_missing() -> None:
    whole = {"id": "1", "payee": "p", "state": "SETTLED"}
    time = {"created_at": {"seconds": 1_795_421_730}}

    def found(**fields: Any) -> Any:
        return outcome(shipped("protobuf"), payment_class()(**fields).SerializeToString())

    money = {"currency_code": "EUR", "units": 5}
    assert found(**whole, **time, amount=money).account_id is None
    assert found(**{**whole, "id": ""}, **time, amount=money)[0] == "missing_field"
    assert found(**whole, **time)[0] == "missing_field"
    assert found(**whole, amount=money)[0] == "missing_field"
    assert found(**whole, **time, amount={"currency_code": "EUR"})[0] == "amount_not_positive"
    assert found(id="1") == ("skipped", "state=CREATED")
    assert found(id="1", state=9)[0] == "unknown_state"


def test_maps_and_messages_without_a_descriptor() -> None:
    text = (DESCRIPTOR.parents[2] / "protobuf.yaml").read_text()
    content = DESCRIPTOR.read_bytes()
    labelled = load(text.replace("payee\n", "labels.shop\n"), "t", lambda _: content)
    message = payment_class()(**{"labels": {"shop": "s"}}).SerializeToString()

    found = accepted(labelled, (protobuf(SAMPLE).payload or b"") + message)
    assert found.merchant_id == "s"
    with pytest.raises(ContractError, match=r"must hold the message 'pay\.v1\.Paymant'"):
        load(text.replace("v1.Payment", "v1.Paymant"), "t", lambda _: content)
    with pytest.raises(ContractError, match="must be a descriptor set"):
        load(text, "t", lambda _: b"\xff")


def test_json_behind_a_frame() -> None:
    from tests.support.contracts import payload

    said = contract(format="json_registry")

    assert accepted(said, b"\0\0\0\0\1" + payload()).amount_minor == 1250
    assert reason(said, payload()) == "not_decodable"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id\n", "idd\n"),
        ("amount.currency_code", "amount.currency"),
        ("at: state", "at: stat"),
        ("amount.currency_code", "payee.x"),
        ("at: created_at", "at: created_at.0"),
    ],
)
def test_path_that_leads_nowhere_in_the_descriptor(old: str, new: str) -> None:
    text = (DESCRIPTOR.parents[2] / "protobuf.yaml").read_text()
    content = DESCRIPTOR.read_bytes()

    with pytest.raises(ContractError, match="leads nowhere in the schema of this contract"):
        load(text.replace(old, new, 1), "t", lambda _: content)


def test_path_that_leads_nowhere_in_the_avro_schema() -> None:
    with pytest.raises(ContractError, match=r"t:\d+: the path shop leads nowhere"):
        bare(schema(), **NUMBER, merchant_id="shop")
    inner = {"type": "record", "name": "I", "fields": [{"name": "m", "type": ["null", "string"]}]}
    said = schema(
        shop=["null", {"type": "array", "items": inner}], by={"type": "map", "values": "I"}
    )

    for path in ("shop.0.m", "by.any.m", "shop", "payer"):
        bare(said, **NUMBER, merchant_id=path)
    for path in ("shop.m", "by.any.n", "payer.x", "shop.0.m.x"):
        with pytest.raises(ContractError, match="leads nowhere"):
            bare(said, **NUMBER, merchant_id=path)

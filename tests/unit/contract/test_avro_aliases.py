"""A field that a schema renames is found by its former name, where no other has it."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest

from tests.support.contracts import contract, outcome
from transforms.codecs.contract import avro
from transforms.codecs.contract.schema_source import KnownSchemas, WriterSchema

NAMES = {"id": "1", "payer": "a", "payee": "shop", "currency": "EUR"}
TIME = {"type": "long", "logicalType": "timestamp-millis"}


def text(name: str, *aliases: str) -> dict[str, Any]:
    return {"name": name, "type": "string", **({"aliases": list(aliases)} if aliases else {})}


def writer(*payees: dict[str, Any]) -> dict[str, Any]:
    fields = [text("id"), text("payer"), text("currency"), text("amount"), *payees]
    fields.append({"name": "time", "type": TIME})
    return {"type": "record", "name": "P", "fields": fields}


def found(schema: dict[str, Any], **values: Any) -> Any:
    file = io.BytesIO()
    values = {**NAMES, "amount": "12.50", "time": 1_795_421_730_250, **values}
    fastavro.schemaless_writer(file, fastavro.parse_schema(schema), values)
    known = KnownSchemas({1: WriterSchema(json.dumps(schema))})
    fields = {"event_time": {"at": "time", "as": "timestamp"}}
    said = contract(format="avro_registry", schema={"registry": "http://x"}, fields=fields)
    return outcome(said, b"\0\0\0\0\1" + file.getvalue(), schemas=known)


def test_renamed_field_is_the_one_that_had_the_name() -> None:
    assert found(writer(text("merchant", "payee")), merchant="shop-2").merchant_id == "shop-2"


def test_control_without_the_alias_it_is_missing() -> None:
    reason, detail = found(writer(text("merchant")), merchant="shop-2")
    assert (reason, "payee" in detail) == ("missing_field", True)


@pytest.mark.parametrize(
    "payees",
    [
        (text("payee"), text("merchant", "payee")),
        (text("merchant", "payee"), text("payee")),
        (text("payee", "payer"),),
    ],
)
def test_field_of_the_name_itself_comes_first(payees: tuple[dict[str, Any], ...]) -> None:
    payment = found(writer(*payees), merchant="shop-2")
    assert (payment.merchant_id, payment.account_id) == ("shop", "a")


def test_name_that_two_fields_had_is_nobodys() -> None:
    two = (text("merchant", "payee"), text("seller", "payee"))
    reason, _ = found(writer(*two), merchant="shop-2", seller="shop-3")
    assert reason == "missing_field"


def test_renamed_record_within_a_record_and_in_a_reference() -> None:
    inner = {"type": "record", "name": "Party", "fields": [text("code", "id")]}
    fields = [
        {"name": "seller", "aliases": ["payee"], "type": ["null", "Party"]},
        {"name": "amount", "type": "int"},
    ]
    outer = {"type": "record", "name": "P", "fields": fields}
    schema = WriterSchema(json.dumps(outer), references=(json.dumps(inner),))
    names = frozenset({"payee", "id"})
    read = avro.SchemaReader(avro.parsed(schema, names), {"payee": {"id": None}}).read
    assert read(b"\x02\x04ab\x02") == {"payee": {"id": "ab"}}
    whole = avro.SchemaReader(avro.parsed(schema, names)).read
    assert whole(b"\x02\x04ab\x02") == {"payee": {"id": "ab"}, "amount": 1}


def test_aliases_that_are_none_are_left_alone() -> None:
    odd = {"name": "payee", "type": "string", "aliases": ["x"]}
    assert found(writer(odd)).merchant_id == "shop"

"""Contracts with a real schema registry: references, Protobuf, a registry that is gone."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

import pytest
import requests

from tests.support.contract_records import CONTRACTS, SAMPLE, debezium_avro, protobuf
from tests.support.contracts import accepted, reason, shipped
from transforms.codecs.contract import avro
from transforms.codecs.contract.language import Schema
from transforms.codecs.contract.registry import HttpRegistry
from transforms.codecs.contract.schema_source import RegistryUnavailable

pytestmark = pytest.mark.integration

AVSC = (CONTRACTS / "schemas/debezium-avro/1.avsc").read_text()
PROTO = (CONTRACTS / "schemas/protobuf/payment.proto").read_text()


def register(url: str, subject: str, schema: str, **more: Any) -> int:
    answer = requests.post(
        f"{url}/subjects/{subject}/versions", json={"schema": schema, **more}, timeout=30
    )
    assert answer.ok, answer.text
    return int(answer.json()["id"])


def framed(schema_id: int, body: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + body


def test_debezium_avro_by_the_registry_even_when_it_is_gone(sandbox, registry: str) -> None:
    schema_id = register(registry, f"pay-{uuid.uuid4().hex}", AVSC)
    source = HttpRegistry(registry, patience_sec=0.0)
    payload = framed(schema_id, (debezium_avro(SAMPLE).payload or b"")[5:])

    assert accepted(shipped("debezium-avro"), payload, schemas=source).amount_minor == 1250
    assert reason(shipped("debezium-avro"), framed(999_999, b""), schemas=source) == (
        "unknown_schema"
    )
    sandbox.kill("registry", restart=False)
    try:
        assert accepted(shipped("debezium-avro"), payload, schemas=source).amount_minor == 1250
        with pytest.raises(RegistryUnavailable, match="Hint: is it running"):
            source.schema(schema_id + 1)
    finally:
        sandbox.restart("registry")
    assert HttpRegistry(registry).schema(schema_id).text, "ids outlive a restart"


def test_avro_that_refers_to_another_subject(registry: str) -> None:
    name = f"money-{uuid.uuid4().hex}"
    money = {"type": "record", "name": "Money", "fields": [{"name": "x", "type": "int"}]}
    paid = {"type": "record", "name": "P", "fields": [{"name": "m", "type": "Money"}]}
    register(registry, name, json.dumps(money))
    references = [{"name": "Money", "subject": name, "version": 1}]
    schema_id = register(registry, f"p-{name}", json.dumps(paid), references=references)

    schema = avro.parsed(HttpRegistry(registry).schema(schema_id))
    assert avro.SchemaReader(schema).read(b"\x04") == {"m": {"x": 2}}


def test_protobuf_by_its_text(registry: str) -> None:
    schema_id = register(registry, f"proto-{uuid.uuid4().hex}", PROTO, schemaType="PROTOBUF")
    said = dataclasses.replace(
        shipped("protobuf"), format="protobuf_registry", schema=Schema(registry=registry)
    )
    payload = framed(schema_id, b"\x02\x02" + (protobuf(SAMPLE).payload or b""))

    assert accepted(said, payload, schemas=HttpRegistry(registry)).amount_minor == 1250

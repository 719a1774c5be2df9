"""Protobuf by schemas in its own language: imports, indexes of messages, mistakes."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.contract_records import CONTRACTS, SAMPLE, protobuf
from tests.support.contracts import accepted, outcome, reason, shipped
from transforms.codecs.contract.language import Contract, Schema
from transforms.codecs.contract.schema_source import KnownSchemas, WriterSchema

PROTO = (CONTRACTS / "schemas/protobuf/payment.proto").read_text()
PAYMENT = b"\0\0\0\0\1\x02\x02" + (protobuf(SAMPLE).payload or b"")  # the second message


def said(message: str | None = None) -> Contract:
    schema = Schema(registry="http://127.0.0.1:1", message=message)
    return dataclasses.replace(shipped("protobuf"), format="protobuf_registry", schema=schema)


def known(text: str, *references: tuple[str, str], kind: str = "PROTOBUF") -> KnownSchemas:
    names, texts = tuple(name for name, _ in references), tuple(text for _, text in references)
    return KnownSchemas({1: WriterSchema(text, kind, texts, names)})


def test_message_is_chosen_by_the_indexes_of_the_frame() -> None:
    schemas = known(PROTO)

    assert accepted(said(), PAYMENT, schemas=schemas).amount_minor == 1250
    assert accepted(said("pay.v1.Payment"), PAYMENT, schemas=schemas).amount_minor == 1250
    assert reason(said("pay.v1.Money"), PAYMENT, schemas=schemas) == "not_decodable"
    assert reason(said(), b"\0\0\0\0\1\x02\x12", schemas=schemas) == "not_decodable"


@pytest.mark.parametrize(
    ("schemas", "detail"),
    [
        (known("message {"), "payments-main.proto:1"),
        (known('syntax = "proto3"; import "x.proto"; message A {}'), "x.proto: File not found"),
        (known(PROTO, ("../x.proto", "")), "no path of a file"),
        (known("{}", kind="AVRO"), "a Protobuf schema is required, got one of AVRO"),
    ],
)
def test_schema_that_does_not_compile_says_why(schemas: KnownSchemas, detail: str) -> None:
    found = outcome(said(), PAYMENT, schemas=schemas)

    assert found[0] == "not_decodable"
    assert detail in found[1]

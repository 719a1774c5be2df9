"""Bytes to values, by the format of a contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from transforms.codecs.contract import avro, json_text, protobuf
from transforms.codecs.contract.asked_for import asked_for
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.paths import Scope
from transforms.codecs.contract.reasons import ContractReason, kind_of, refused
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment.dead_letter import Reason, Rejected

FRAME_BYTES = 5


class Frame(NamedTuple):
    """A payload of Confluent's serializers: the id of its schema, and what follows."""

    schema_id: int
    body: bytes


def unframe(payload: bytes) -> Frame:
    """Returns id and body. Raises Rejected when the payload has no frame."""
    if len(payload) < FRAME_BYTES or payload[0] != 0:
        begin = payload[:FRAME_BYTES].hex() or "nothing"
        raise refused(
            ContractReason.NOT_DECODABLE,
            f"a byte 0 and four of a schema's id are required in front, got {begin}",
        )
    return Frame(int.from_bytes(payload[1:FRAME_BYTES], "big"), payload[FRAME_BYTES:])


# A decoder takes a record with its payload, and returns where its reading begins.
Decode = Callable[[object, bytes], Scope]


def decode_of(contract: Contract, schemas: SchemaSource | None) -> Decode:
    """Returns the function that reads payloads of the contract's format.

    Args:
        contract: a checked one.
        schemas: of registries; a contract that needs none may go without.
    """
    match contract.format:
        case "json":
            return lambda record, payload: Scope(record, json_text.parse(payload), payload)
        case "json_registry":
            return _framed_json
        case "avro":
            bare = avro.BareReader(contract.schema.content or b"", asked_for(contract))
            return lambda record, payload: Scope(record, bare.read(payload))
        case "avro_registry":
            registry = avro.RegistryReader(_required(schemas), asked_for(contract))

            def framed(record: object, payload: bytes) -> Scope:
                return Scope(record, registry.read(*unframe(payload)))

            return framed
    reader = protobuf.Reader(contract)
    if contract.format == "protobuf":
        return lambda record, payload: Scope(record, reader.read(payload))
    return lambda record, payload: Scope(record, reader.read_framed(unframe(payload).body))


def _framed_json(record: object, payload: bytes) -> Scope:
    body = unframe(payload).body
    return Scope(record, json_text.parse(body), body)


def _required(schemas: SchemaSource | None) -> SchemaSource:
    if schemas is None:
        raise ValueError("a contract with a registry needs a source of schemas")
    return schemas


def require_object(scope: Scope, layer: str) -> None:
    """Raises Rejected when what was read is no object with fields."""
    if type(scope.inner) is not dict:
        raise _no_object(scope.inner, layer)


def _no_object(value: object, layer: str) -> Rejected:
    return refused(Reason.NOT_AN_OBJECT, f"{layer}a JSON object is required, got {kind_of(value)}")

"""Bytes to values, by the format of a contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from transforms.codecs.contract import avro, frame, json_text, protobuf, protobuf_registry
from transforms.codecs.contract.asked_for import asked_for, names_of
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.paths import Scope
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment.dead_letter import Reason, Rejected

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
            return _json
        case "json_registry":
            return _framed_json
        case "avro":
            bare = avro.BareReader(contract.schema.content or b"", asked_for(contract))
            return lambda record, payload: Scope(record, bare.read(payload))
        case "avro_registry":
            names = names_of(contract)
            registry = avro.RegistryReader(_required(schemas), names, asked_for(contract))
            return lambda record, payload: Scope(record, registry.read(payload))
    return _protobuf(contract, schemas)


# Reads payloads together: their values, and whether names in any may be written as escapes. None
# when one of them needs a look of its own.
ReadAll = Callable[[Sequence[bytes]], tuple[Sequence[Any], bool] | None]


def read_all_of(contract: Contract, schemas: SchemaSource | None) -> ReadAll | None:
    """Returns the function that reads many payloads at once, None for a format that has none."""
    match contract.format:
        case "json":
            return json_text.read_all
        case "avro":
            return avro.BareReader(contract.schema.content or b"", asked_for(contract)).read_all
        case "avro_registry":
            names = names_of(contract)
            return avro.RegistryReader(_required(schemas), names, asked_for(contract)).read_all
    return None


def _protobuf(contract: Contract, schemas: SchemaSource | None) -> Decode:
    if contract.schema.content is None:
        asked = protobuf_registry.RegistryReader(contract, _required(schemas))
        return lambda record, payload: Scope(record, asked.read(payload))
    reader = protobuf.Reader(contract)
    if contract.format == "protobuf":
        return lambda record, payload: Scope(record, reader.read(payload))
    return lambda record, payload: Scope(record, reader.read_framed(frame.body(payload)))


def _json(record: object, payload: bytes) -> Scope:
    value, escaped = json_text.read(payload)
    return Scope(record, value, payload, escaped)


def _framed_json(record: object, payload: bytes) -> Scope:
    body = frame.body(payload)
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
    return Rejected(Reason.NOT_AN_OBJECT, f"{layer}a JSON object is required, got {kind_of(value)}")

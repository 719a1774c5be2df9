"""Payloads inside the payload, taken off one by one."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from transforms.codecs.contract import avro, json_text
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Unwrap
from transforms.codecs.contract.paths import MISSING, Scope, getter, why_missing
from transforms.codecs.contract.schema_source import SchemaSource
from transforms.payment.dead_letter import Reason, Rejected

_DATA_URI = re.compile(r"data:([^,]{0,300}?)(;base64)?,", re.ASCII | re.IGNORECASE)
_PADDING = "===="

Step = Callable[[Scope], None]


def step_of(unwrap: Unwrap, schemas: SchemaSource | None, asked: frozenset[str]) -> Step:
    """Returns the function that brings a record one layer further in.

    Args:
        unwrap: the layer.
        schemas: of a registry; a layer that needs none may go without.
        asked: the names in the paths of the contract.
    """
    get = getter(unwrap.at)
    take_off = _layer(unwrap, schemas, asked)

    def step(scope: Scope) -> None:
        value = get(scope)
        if value is None or value is MISSING:
            raise Rejected(Reason.MISSING_FIELD, why_missing(unwrap.at, scope))
        take_off(scope, value)

    return step


def _layer(
    unwrap: Unwrap, schemas: SchemaSource | None, asked: frozenset[str]
) -> Callable[[Scope, Any], None]:
    layer = f"{unwrap.at.text}: "
    match unwrap.kind:
        case "object":
            return lambda scope, value: _enter(scope, _object(layer, value))
        case "single":
            return lambda scope, value: _enter(scope, _single(layer, value))
        case "avro_bytes":
            bare = avro.BareReader(unwrap.schema or b"")
            return lambda scope, value: _enter(scope, bare.read(_bytes(layer, value)), None)
        case "avro_registry_bytes":
            assert schemas is not None, "load.py requires a registry"
            registry = avro.RegistryReader(schemas, asked)

            def framed(scope: Scope, value: Any) -> None:
                _enter(scope, registry.read(_bytes(layer, value)), None)

            return framed
    texts = {"json_text": _text, "base64_json": _base64, "data_uri_json": _data_uri}[unwrap.kind]

    def enter_json(scope: Scope, value: Any) -> None:
        raw = texts(layer, value)
        _enter(scope, json_text.parse(raw, layer), raw)

    return enter_json


_SAME = object()


def _enter(scope: Scope, value: Any, raw: Any = _SAME) -> None:
    scope.inner = value
    if raw is not _SAME:
        scope.raw = raw
        scope.escaped = True


def _object(layer: str, value: Any) -> Any:
    if not isinstance(value, dict):
        raise Rejected(Reason.NOT_AN_OBJECT, f"{layer}an object is required, got {kind_of(value)}")
    return value


def _single(layer: str, value: Any) -> Any:
    if not isinstance(value, list):
        raise Rejected(Reason.WRONG_TYPE, f"{layer}an array is required, got {kind_of(value)}")
    if len(value) > 1:
        raise Rejected(
            Reason.SEVERAL_PAYMENTS,
            f"{layer}one payment in a record is required, got {len(value)}",
        )
    if not value:
        raise Rejected(Reason.MISSING_FIELD, f"{layer}one payment is required, got none")
    return value[0]


def _text(layer: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise Rejected(
            Reason.WRONG_TYPE, f"{layer}a text of JSON is required, got {kind_of(value)}"
        )
    return value.encode()


def _bytes(layer: str, value: Any) -> bytes:
    return value if isinstance(value, bytes) else _base64(layer, value)


def _base64(layer: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise Rejected(Reason.WRONG_TYPE, f"{layer}base64 is required, got {kind_of(value)}")
    text = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + _PADDING[: -len(text) % 4], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(Reason.NOT_DECODABLE, f"{layer}no base64: {error}") from None


def _data_uri(layer: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise Rejected(Reason.WRONG_TYPE, f"{layer}a data: URI is required, got {kind_of(value)}")
    match = _DATA_URI.match(value)
    if not match or not match[2]:
        raise Rejected(
            Reason.NOT_DECODABLE,
            f"{layer}a data: URI in base64 is required, got {value[:40]!r}",
        )
    return _base64(layer, value[match.end() :])

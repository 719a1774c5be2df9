"""Sets fields of a payload in the encoding that it came in: layers, frame and schema id stay.

A path is that of the contract's own paths: inside what it unwraps, or `outer:` for what is around.
What cannot be written again as it was, byte for byte but for the field, is left alone and told.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from operations.dead_letters import avro_fields, fields
from operations.dead_letters.fields import Setting
from transforms.codecs.contract import frame
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Unwrap
from transforms.codecs.contract.schema_source import WriterSchema
from transforms.payment.dead_letter import Rejected

_OUTER = "outer:"


def changed(payload: bytes | None, settings: Sequence[Setting], decoder: Decoder) -> bytes | None:
    """Returns the payload with the fields set; headers are not meant.

    Raises:
        ValueError: a field cannot be set; the message says why.
        RegistryUnavailable: its schema could not be asked for.
    """
    of_payload = [each for each in settings if fields.header_of(each[0]) is None]
    if not of_payload:
        return payload
    if payload is None:
        raise ValueError("a tombstone has no fields")
    try:
        for name, value in of_payload:
            payload = _set(payload, name, value, decoder)
    except Rejected as rejected:
        raise ValueError(rejected.detail) from None
    return payload


def _set(payload: bytes, name: str, value: Any, decoder: Decoder) -> bytes:
    contract = decoder.contract
    is_outer = name.startswith(_OUTER)
    path, layers = name.removeprefix(_OUTER), () if is_outer else contract.unwrap
    match contract.format:
        case "json":
            return _into(payload, layers, path, value)
        case "json_registry":
            return payload[: frame.BYTES] + _into(frame.body(payload), layers, path, value)
        case "avro":
            schema = WriterSchema((contract.schema.content or b"").decode())
            return avro_fields.changed(payload, schema, _inside(layers, path), value)
        case "avro_registry":
            assert decoder.schemas is not None, "load.py requires a registry"
            body, schema = frame.body(payload), decoder.schemas.schema(frame.schema_id(payload))
            path = _inside(layers, path)
            return payload[: frame.BYTES] + avro_fields.changed(body, schema, path, value)
    raise ValueError(f"fields of {contract.format} cannot be set; the file is sent as it is")


def _inside(layers: Sequence[Unwrap], path: str) -> str:
    """Returns the whole path of a field whose layers all lie in the tree around them."""
    for layer in layers:
        if layer.kind != "object":
            raise ValueError(f"fields in {layer.kind} cannot be set; the file is sent as it is")
    return _joined([*(each.at.text for each in layers), path])


def _into(raw: bytes, layers: Sequence[Unwrap], path: str, value: Any) -> bytes:
    """Sets a field of JSON, inside the layers."""
    around: list[str] = []
    for number, layer in enumerate(layers):
        around.append(layer.at.text)
        if layer.kind == "single":
            around.append("0")
        if layer.kind in ("object", "single"):
            continue
        inner, wrapped = _peeled(layer.kind, _value_at(raw, _joined(around)))
        changed_inner = _into(inner, layers[number + 1 :], path, value)
        return _with(raw, _joined(around), wrapped(changed_inner))
    return _with(raw, _joined([*around, path]), value)


def _joined(paths: Sequence[str]) -> str:
    return ".".join(each for each in paths if each not in ("", ".")) or "."


def _with(raw: bytes, path: str, value: Any) -> bytes:
    if path == ".":
        return json.dumps(value, ensure_ascii=False).encode()
    parent, dot, _ = path.rpartition(".")
    if dot and not _has(raw, path) and not isinstance(_value_at(raw, parent), dict):
        raise ValueError(f"{parent} is no object")
    return fields.with_path(raw, path, value)


def _has(raw: bytes, name: str) -> bool:
    """Returns whether a field has a whole path for its name."""
    value = _value_at(raw, ".")
    return isinstance(value, dict) and name in value


def _value_at(raw: bytes, path: str) -> Any:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the payload is no JSON: {error}") from None
    for name in () if path == "." else path.split("."):
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"{path} is not there") from None
    return value


def _peeled(kind: str, value: Any) -> tuple[bytes, Callable[[bytes], str]]:
    """Returns what a text holds, and what makes such a text of it again."""
    if not isinstance(value, str) or kind not in ("json_text", "base64_json", "data_uri_json"):
        raise ValueError(f"fields in {kind} cannot be set; the file is sent as it is")
    if kind == "json_text":
        return value.encode(), bytes.decode
    head, comma, text = value.rpartition(",") if kind == "data_uri_json" else ("", "", value)
    url_safe = "-" in text or "_" in text
    padded = text.endswith("=") or len(text) % 4 == 0
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")

    def wrapped(inner: bytes) -> str:
        encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
        again = encode(inner).decode()
        return head + comma + (again if padded else again.rstrip("="))

    return base64.b64decode(plain + "=" * (-len(plain) % 4)), wrapped

"""Sets a field of Avro by the schema that wrote it; all other fields keep their bytes."""

from __future__ import annotations

import base64
import binascii
import decimal
import io
import struct
from typing import Any

import fastavro
import orjson

from transforms.codecs.contract.schema_source import WriterSchema

# What fastavro raises for schemas, bytes and values that do not fit together.
_BAD = (
    fastavro.schema.SchemaParseException,
    fastavro.schema.UnknownType,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    struct.error,
    RecursionError,
    MemoryError,
)
# What it cannot hold it refuses: the usual context would round.
_EXACT = decimal.Context(
    prec=100, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow]
)


def changed(body: bytes, schema: WriterSchema, path: str, value: Any) -> bytes:
    """Returns the bytes with one field set.

    Args:
        path: names of fields with points between them.
        value: as JSON has it; a decimal as text or number, bytes in base64.

    Raises:
        ValueError: it cannot be set, or what is there cannot be written again as it is.
    """
    named: dict[str, Any] = {}
    try:
        for text in schema.references:
            fastavro.parse_schema(_plain(orjson.loads(text)), named)
        parsed = fastavro.parse_schema(_plain(orjson.loads(schema.text)), named)
        tree = fastavro.schemaless_reader(io.BytesIO(body), parsed, None)
        same = _written(parsed, tree) == body
    except _BAD as error:
        raise ValueError(f"it is no Avro of its schema: {str(error)[:200]}") from None
    if not same:
        raise ValueError("its fields cannot be set: other bytes would change as well")
    *around, name = path.split(".")
    of, inside = _Type(orjson.loads(schema.text), _names(schema)), tree
    for each in around:
        of, inside = of.field(each, path), inside.get(each) if isinstance(inside, dict) else None
    if not isinstance(inside, dict):
        raise ValueError(f"{path} is not there")
    inside[name] = of.field(name, path).value(value, path)
    try:
        return _written(parsed, tree)
    except _BAD as error:
        raise ValueError(f"{path} cannot be {value!r}: {str(error)[:200]}") from None


def _written(parsed: Any, tree: Any) -> bytes:
    into = io.BytesIO()
    fastavro.schemaless_writer(into, parsed, tree, strict_allow_default=True)
    return into.getvalue()


def _plain(schema: Any) -> Any:
    """Returns a schema without logical types: what they stand for is read as it is written."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _plain(each) for name, each in schema.items() if name != "logicalType"}


def _names(schema: WriterSchema) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in (*schema.references, schema.text):
        _name_all(orjson.loads(text), found)
    return found


def _name_all(schema: Any, into: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for each in schema:
            _name_all(each, into)
    elif isinstance(schema, dict):
        if schema.get("type") in ("record", "fixed", "enum"):
            into[str(schema.get("name")).rpartition(".")[2]] = schema
        for each in schema.values():
            _name_all(each, into)


class _Type:
    """A type of a schema, found by the path to it."""

    def __init__(self, schema: Any, named: dict[str, Any]) -> None:
        self._named = named
        while True:
            if isinstance(schema, list):
                schema = next((each for each in schema if each != "null"), "null")
            elif isinstance(schema, str) and schema.rpartition(".")[2] in named:
                schema = named[schema.rpartition(".")[2]]
            elif isinstance(schema, dict) and isinstance(schema.get("type"), (dict, list)):
                schema = schema["type"]
            else:
                break
        self._schema = schema if isinstance(schema, dict) else {"type": schema}

    def field(self, name: str, path: str) -> _Type:
        """Returns the type of a field. Raises ValueError where there is none."""
        for each in self._schema.get("fields", ()):
            if each["name"] == name:
                return _Type(each["type"], self._named)
        raise ValueError(f"the schema has no field {path}")

    def value(self, said: Any, path: str) -> Any:
        """Returns what stands in the bytes for a value. Raises ValueError."""
        kind = self._schema["type"]
        if said is None or kind not in ("bytes", "fixed"):
            return said
        if self._schema.get("logicalType") != "decimal":
            try:
                return base64.b64decode(str(said), validate=True)
            except binascii.Error:
                raise ValueError(f"{path} must be base64, got {said!r}") from None
        scale = self._schema.get("scale", 0)
        try:
            unscaled = _EXACT.scaleb(decimal.Decimal(str(said)), scale)
            whole = int(unscaled)
        except (ArithmeticError, ValueError):
            raise ValueError(f"{path} must be a decimal, got {said!r}") from None
        if whole != unscaled:
            raise ValueError(f"{path} must have at most {scale} digits behind the point")
        size = self._schema.get("size") or (whole + (whole < 0)).bit_length() // 8 + 1
        try:
            return whole.to_bytes(size, "big", signed=True)
        except OverflowError:
            raise ValueError(f"{path} must fit {size} bytes, got {said!r}") from None

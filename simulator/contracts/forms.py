"""Bytes to trees of plain values and back, for each format that a contract can name."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import fastavro
import orjson

_PER_SECOND = {"millis": 1_000, "micros": 1_000_000, "nanos": 10**9}


class Leaf(NamedTuple):
    """How a value must be written, as far as the schema or the sample says.

    Attributes:
        number: a whole number where JSON has texts.
        scale, size: of a decimal; size is that of a fixed one.
        per_second, local: of a time.
        nullable: whether the record may be without it.
        words: all that an enum knows; none for what is no enum.
    """

    number: bool = False
    scale: int | None = None
    size: int | None = None
    per_second: int | None = None
    local: bool = False
    nullable: bool = True
    binary: bool = False
    words: tuple[str, ...] = ()


class Form(Protocol):
    """Reads and writes the bytes of one layer."""

    def read(self, payload: bytes) -> Any:
        """Returns the tree in a sample's payload."""

    def write(self, tree: Any) -> bytes:
        """Returns the bytes of a tree."""

    def leaf(self, names: Sequence[str], sample: Any) -> Leaf:
        """Returns how the value at a place of the tree is written."""

    def blank(self) -> Any:
        """Returns a tree to begin with where there is no sample."""


class Json:
    """UTF-8 JSON."""

    def read(self, payload: bytes) -> Any:
        """Returns the tree in a payload."""
        return orjson.loads(payload)

    def write(self, tree: Any) -> bytes:
        """Returns the bytes of a tree."""
        return orjson.dumps(tree)

    def leaf(self, names: Sequence[str], sample: Any) -> Leaf:
        """Returns how a value is written: as the sample's."""
        return Leaf(number=type(sample) is int)

    def blank(self) -> Any:
        """Returns an empty object."""
        return {}


class Framed:
    """Another form behind Confluent's frame."""

    def __init__(self, form: Form, schema_id: int, indexes: bytes = b"") -> None:
        self._form = form
        self._front = b"\0" + schema_id.to_bytes(4, "big") + indexes
        self.leaf, self.blank = form.leaf, form.blank

    def read(self, payload: bytes) -> Any:
        """Returns the tree behind the frame."""
        return self._form.read(payload[len(self._front) :])

    def write(self, tree: Any) -> bytes:
        """Returns the bytes of a tree, framed."""
        return self._front + self._form.write(tree)


class Avro:
    """Avro by a schema. Decimals are bytes and times are numbers in the tree."""

    def __init__(self, text: bytes | str, references: Sequence[str] = ()) -> None:
        self._named: dict[str, Any] = {}
        for each in references:
            fastavro.parse_schema(_bare(orjson.loads(each)), self._named)
        self._schema: Any = fastavro.parse_schema(_bare(orjson.loads(text)), self._named)

    def read(self, payload: bytes) -> Any:
        """Returns the tree in a payload."""
        return fastavro.schemaless_reader(io.BytesIO(payload), self._schema, None)

    def write(self, tree: Any) -> bytes:
        """Returns the bytes of a tree."""
        file = io.BytesIO()
        fastavro.schemaless_writer(file, self._schema, tree)
        return file.getvalue()

    def leaf(self, names: Sequence[str], sample: Any) -> Leaf:
        """Returns how the schema wants the value."""
        schemas, nullable = [self._schema], False
        for name in names:
            branches = [branch for each in schemas for branch in self._branches(each)]
            schemas = [found for each in branches for found in _step(each, name)]
        branches = [branch for each in schemas for branch in self._branches(each)]
        nullable = "null" in branches
        return next((_leaf(each, nullable) for each in branches if each != "null"), Leaf())

    def blank(self) -> Any:
        """Returns the least that the schema allows."""
        return self._least(self._schema)

    def _branches(self, schema: Any) -> list[Any]:
        if isinstance(schema, str):
            schema = self._named.get(schema, schema)
        if isinstance(schema, list):
            return [branch for each in schema for branch in self._branches(each)]
        if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
            return self._branches(schema["type"])
        return [schema]

    def _least(self, schema: Any) -> Any:
        branches = self._branches(schema)
        if "null" in branches:
            return None
        kind = branches[0]["type"] if isinstance(branches[0], dict) else branches[0]
        match kind:
            case "record":
                return {each["name"]: self._least(each["type"]) for each in branches[0]["fields"]}
            case "enum":
                return branches[0]["symbols"][0]
            case "fixed":
                return bytes(branches[0]["size"])
        return _LEAST[kind]


_LEAST: Mapping[str, Any] = {
    **{"string": "", "bytes": b"", "int": 0, "long": 0, "float": 0.0, "double": 0.0},
    **{"boolean": False, "array": [], "map": {}},
}
# Under this name fastavro leaves a value alone, and the schema still says what it means.
_MEANS = "means"


def _bare(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {_MEANS if k == "logicalType" else k: _bare(each) for k, each in schema.items()}


def _step(schema: Any, name: str) -> list[Any]:
    if not isinstance(schema, dict):
        return []
    match schema["type"]:
        case "record":
            return [each["type"] for each in schema["fields"] if each["name"] == name]
        case "array":
            return [schema["items"]]
        case "map":
            return [schema["values"]]
    return []


def _leaf(schema: Any, nullable: bool) -> Leaf:
    fields = schema if isinstance(schema, dict) else {"type": schema}
    means, kind = str(fields.get(_MEANS, "")), fields["type"]
    if kind == "enum":
        return Leaf(nullable=nullable, words=tuple(fields["symbols"]))
    if means == "decimal":
        return Leaf(False, fields.get("scale", 0), fields.get("size"), nullable=nullable)
    if "timestamp-" in means:
        per_second = _PER_SECOND[means.rpartition("-")[2]]
        local = means.startswith("local")
        return Leaf(True, per_second=per_second, local=local, nullable=nullable)
    return Leaf(kind in ("int", "long"), nullable=nullable, binary=kind == "bytes")


class Inner:
    """A layer's bytes as the value that the layer around it holds."""

    def __init__(self, kind: str, form: Form, template: Any, binary: bool) -> None:
        self.form = form
        self._kind = kind
        self._binary = binary
        self._prefix = "data:application/json;base64,"
        if kind == "data_uri_json" and isinstance(template, str) and "," in template:
            self._prefix = template.partition(",")[0] + ","

    def read(self, value: Any) -> Any:
        """Returns the tree in a sample's value."""
        if isinstance(value, bytes):
            return self.form.read(value)
        if self._kind == "json_text":
            return self.form.read(value.encode())
        text = value[len(self._prefix) :] if self._kind == "data_uri_json" else value
        text = text.rstrip("=").replace("-", "+").replace("_", "/")
        return self.form.read(base64.b64decode(text + "===="[: -len(text) % 4]))

    def write(self, tree: Any) -> Any:
        """Returns the value that holds a tree."""
        return self.wrapped(self.form.write(tree))

    def wrapped(self, raw: bytes) -> Any:
        """Returns the value that holds bytes, whatever they are."""
        if self._kind == "json_text":
            return raw if self._binary else raw.decode("utf-8", "replace")
        if self._kind == "data_uri_json":
            return self._prefix + base64.urlsafe_b64encode(raw).decode().rstrip("=")
        if self._kind == "base64_json" or not self._binary:
            return base64.b64encode(raw).decode()
        return raw

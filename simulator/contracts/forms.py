"""Bytes to trees of plain values and back, for each format that a contract can name."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import fastavro
import orjson
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor

from transforms.codecs.contract import protobuf

_PER_SECOND = {"millis": 1_000, "micros": 1_000_000, "nanos": 10**9}


class Leaf(NamedTuple):
    """How a value must be written, as far as the schema or the sample says.

    Attributes:
        number: a whole number where JSON has texts.
        scale, size: of a decimal; size is that of a fixed one.
        per_second, local: of a time.
        nullable: whether the record may be without it.
    """

    number: bool = False
    scale: int | None = None
    size: int | None = None
    per_second: int | None = None
    local: bool = False
    nullable: bool = True
    binary: bool = False


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
    if means == "decimal":
        return Leaf(False, fields.get("scale", 0), fields.get("size"), nullable=nullable)
    if "timestamp-" in means:
        per_second = _PER_SECOND[means.rpartition("-")[2]]
        local = means.startswith("local")
        return Leaf(True, per_second=per_second, local=local, nullable=nullable)
    return Leaf(kind in ("int", "long"), nullable=nullable, binary=kind == "bytes")


class Protobuf:
    """Protobuf by a descriptor set."""

    def __init__(self, content: bytes, name: str) -> None:
        self._descriptor = protobuf.descriptor_of(content, name)
        self._class = message_factory.GetMessageClass(self._descriptor)
        place = protobuf.place_of(self._descriptor)
        numbers = [len(place), *place]
        self.indexes = b"\0" if place == [0] else b"".join(map(_zigzag, numbers))

    def read(self, payload: bytes) -> Any:
        """Returns the tree in a payload."""
        return _tree_of(self._class.FromString(payload))

    def write(self, tree: Any) -> bytes:
        """Returns the bytes of a tree."""
        fields = {name: value for name, value in tree.items() if value is not None}
        return bytes(self._class(**fields).SerializeToString())

    def leaf(self, names: Sequence[str], sample: Any) -> Leaf:
        """Returns how the descriptor wants the value."""
        descriptor, field = self._descriptor, None
        for name in names:
            found = None if descriptor is None else descriptor.fields_by_name.get(name)
            if found is None:
                continue  # an index, or a key of a map
            field, descriptor = found, found.message_type
        whole = field is not None and field.cpp_type in _WHOLE
        return Leaf(whole, per_second=10**9)

    def blank(self) -> Any:
        """Returns no field at all."""
        return {}


_WHOLE = (
    *(FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64),
    *(FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64),
    FieldDescriptor.CPPTYPE_ENUM,
)


def _tree_of(message: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field, value in message.ListFields():
        if protobuf.is_map(field):
            fields[field.name] = dict(value)
        elif field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
            fields[field.name] = list(value) if protobuf.is_repeated(field) else value
        elif protobuf.is_repeated(field):
            fields[field.name] = [_tree_of(each) for each in value]
        else:
            fields[field.name] = _tree_of(value)
    return fields


def _zigzag(number: int) -> bytes:
    number, found = number * 2, bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


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

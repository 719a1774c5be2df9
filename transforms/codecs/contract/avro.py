"""Avro by the writer's schema. Decimals and times keep what the schema says of them.

fastavro rounds a decimal that has more digits than its schema, and fails at a time that Python
has no date for. Such a value must cost one field and not the record, so both are read as they are
written (schema_values.py).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import fastavro
import fastavro.read
import orjson

from transforms.codecs.contract import avro_columns, avro_skip, frame
from transforms.codecs.contract.asked_for import Tree
from transforms.codecs.contract.avro_aliases import by_asked_names
from transforms.codecs.contract.schema_source import SchemaSource, WriterSchema
from transforms.codecs.contract.schema_values import Days, Moment, Scaled
from transforms.payment.dead_letter import Reason, Rejected

# What fastavro raises for bytes that another schema has written.
_BAD_BYTES = (
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    struct.error,
    RecursionError,
    MemoryError,
)
# For fewer records the steps of avro_columns cost more than they spare.
_COLUMNS_MIN = 48
_BAD_SCHEMA = (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, *_BAD_BYTES)
_DECIMAL_BITS_MAX = 256
_PREFIX = "payments-"
_TIMES = {
    "timestamp-millis": (1_000, False),
    "timestamp-micros": (1_000_000, False),
    "timestamp-nanos": (1_000_000_000, False),
    "local-timestamp-millis": (1_000, True),
    "local-timestamp-micros": (1_000_000, True),
    "local-timestamp-nanos": (1_000_000_000, True),
}
_LOGICAL = ("decimal", "date", *_TIMES)


class SchemaError(ValueError):
    """A text is no Avro schema."""


def _decimal(data: bytes, writer: Any = None, reader: Any = None) -> Scaled | bytes:
    unscaled = int.from_bytes(data, "big", signed=True)
    if unscaled.bit_length() > _DECIMAL_BITS_MAX:
        return data  # no amount, and more digits than Python writes in a detail
    return Scaled(unscaled, writer.get("scale", 0))


def _days(data: int, writer: Any = None, reader: Any = None) -> Days:
    return Days(data)


def _moment_of(name: str) -> Any:
    per_second, local = _TIMES[name]

    def read(data: int, writer: Any = None, reader: Any = None) -> Moment:
        return Moment(data, per_second, local)

    return read


# Names of our own: whoever else uses fastavro in this process keeps its readers.
_CONVERT = {
    f"bytes-{_PREFIX}decimal": _decimal,
    f"fixed-{_PREFIX}decimal": _decimal,
    f"int-{_PREFIX}date": _days,
    **{f"long-{_PREFIX}{name}": _moment_of(name) for name in _TIMES},
}
fastavro.read.LOGICAL_READERS.update(_CONVERT)


class Parsed(NamedTuple):
    """A schema as fastavro takes it, and the named types in it."""

    schema: Any
    named: dict[str, Any]


def parsed(schema: WriterSchema, asked: frozenset[str] = frozenset()) -> Parsed:
    """Returns a schema as the readers here take it.

    Args:
        schema: of a writer.
        asked: names by which fields are asked for; a renamed one is found by its former name.

    Raises:
        SchemaError: it is no Avro schema.
    """
    if schema.kind != "AVRO":
        raise SchemaError(f"an Avro schema is required, got one of {schema.kind}")
    try:
        named: dict[str, Any] = {}
        for text in (*schema.references, schema.text):
            before = dict(named)
            found = fastavro.parse_schema(_loaded(text, asked), named)
            _require_same(before, named)
        has_empty_items = _has_empty_items([found, *named.values()], named, set())
    except _BAD_SCHEMA as error:
        raise SchemaError(f"no Avro schema: {str(error)[:200]}") from None
    if has_empty_items:
        raise SchemaError("it has an array of items without content: five bytes hold 2^31")
    return Parsed(found, named)


def _require_same(before: Mapping[str, Any], named: Mapping[str, Any]) -> None:
    """Raises ValueError for a name that is given twice: fastavro would take the last."""
    for name, each in before.items():
        if named[name] != each:
            raise ValueError(f"its references have two types of the name {name}")


def _loaded(text: str, asked: frozenset[str]) -> Any:
    return _ours(by_asked_names(orjson.loads(text), asked))


def _ours(schema: Any) -> Any:
    """Returns a schema with our readers for its decimals, times and dates, and no others."""
    if isinstance(schema, list):
        return [_ours(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    ours = {name: each for name, each in schema.items() if name != "logicalType"}
    logical = schema.get("logicalType")
    if logical == "decimal" and type(schema.get("scale", 0)) is not int:
        raise ValueError(f"the scale of a decimal must be a number, got {schema['scale']!r}")
    if isinstance(logical, str) and logical in _LOGICAL:
        ours["logicalType"] = f"{_PREFIX}{logical}"
    for inner in ("type", "items", "values"):
        if inner in ours:
            ours[inner] = _ours(ours[inner])
    if isinstance(ours.get("fields"), list):
        ours["fields"] = [_our_field(each) for each in ours["fields"]]
    return ours


def _our_field(field: Any) -> Any:
    return {**field, "type": _ours(field.get("type"))} if isinstance(field, dict) else field


class SchemaReader:
    """Reads what one schema has written.

    Args:
        schema: a parsed one.
        tree: the fields that are wanted; None is all of them.

    Raises:
        SchemaError: it cannot be told how deep its records may be in each other.
    """

    def __init__(self, schema: Parsed, tree: Tree | None = None) -> None:
        self._schema = schema.schema
        try:
            self._depth_check = avro_skip.depth_check(schema.schema, schema.named)
        except (avro_skip.Unfit, RecursionError):
            raise SchemaError("its types are too deep in each other") from None
        self._some = self._columns = None
        if tree is not None:
            self._some = avro_skip.reader(schema.schema, schema.named, tree, _CONVERT)
            self._columns = avro_columns.reader(schema.schema, schema.named, tree, _CONVERT)

    def read(self, payload: bytes, begin: int = 0) -> Any:
        """Returns what the bytes from `begin` on hold, all of them.

        Raises:
            Rejected: another schema has written them.
        """
        try:
            if self._some is not None:
                value, end = self._some(payload, begin)
            else:
                if self._depth_check is not None:
                    avro_skip.pass_over(payload, begin, self._depth_check)
                file = io.BytesIO(payload)
                file.seek(begin)
                value = fastavro.schemaless_reader(file, self._schema, None)
                end = file.tell()
        except _BAD_BYTES as error:
            what = str(error)[:200] or type(error).__name__
            raise Rejected(Reason.NOT_DECODABLE, f"no Avro of its schema: {what}") from None
        if end != len(payload):
            left = f"{len(payload) - end} bytes are left over"
            cut = f"it ends {end - len(payload)} bytes too early"
            raise Rejected(
                Reason.NOT_DECODABLE,
                f"no Avro of its schema: {left if end < len(payload) else cut}",
            )
        return value

    def read_all(self, payloads: Sequence[bytes], begin: int = 0) -> tuple[list[Any], bool] | None:
        """Returns what many payloads hold, None when one of them needs a look of its own."""
        if self._columns is None or len(payloads) < _COLUMNS_MIN:
            return [self.read(each, begin) for each in payloads], True
        try:
            values = self._columns(payloads, begin)
        except _BAD_BYTES:
            return None
        return None if values is None else (values, True)


class BareReader(SchemaReader):
    """Reads Avro without a frame, by the text of a schema."""

    def __init__(self, schema: bytes, tree: Tree | None = None) -> None:
        super().__init__(parsed(WriterSchema(schema.decode())), tree)


class RegistryReader:
    """Reads Avro by the writer's schema of each record.

    Args:
        schemas: gives them.
        asked: the names in the paths of the contract.
        tree: the fields that are wanted; None is all of them.
    """

    def __init__(
        self, schemas: SchemaSource, asked: frozenset[str], tree: Tree | None = None
    ) -> None:
        self._schemas = schemas
        self._asked = asked
        self._tree = tree
        self._readers: dict[int, SchemaReader | str] = {}

    def read(self, payload: bytes) -> Any:
        """Returns the value in a framed payload.

        Raises:
            Rejected: it has no frame, the bytes do not fit the schema, or nobody knows its id.
            RegistryUnavailable: the schema could not be asked for.
        """
        return self._reader(frame.schema_id(payload)).read(payload, frame.BYTES)

    def read_all(self, payloads: Sequence[bytes]) -> tuple[list[Any], bool] | None:
        """Returns what `read` does of many payloads, None when one needs a look of its own.

        Raises:
            Rejected, RegistryUnavailable: as `read`.
        """
        frames = {each[: frame.BYTES] for each in payloads}
        if len(frames) > 1:
            return [self.read(each) for each in payloads], True
        return self._reader(frame.schema_id(payloads[0])).read_all(payloads, frame.BYTES)

    def _reader(self, schema_id: int) -> SchemaReader:
        reader = self._readers.get(schema_id)
        if reader is None:
            schema = self._schemas.schema(schema_id)
            try:
                reader = SchemaReader(parsed(schema, self._asked), self._tree)
            except SchemaError as error:
                reader = str(error)  # it is compiled once
            self._readers[schema_id] = reader
        if isinstance(reader, str):
            raise Rejected(Reason.NOT_DECODABLE, f"schema id {schema_id}: {reader}")
        return reader


def _has_empty_items(schema: Any, named: Mapping[str, Any], seen: set[str]) -> bool:
    """Returns whether a few bytes of this schema can stand for any number of items."""
    if isinstance(schema, list):
        return any(_has_empty_items(each, named, seen) for each in schema)
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "array" and _is_empty(schema.get("items"), named):
        return True
    name = str(schema.get("name", ""))
    if name:
        if name in seen:
            return False
        seen.add(name)
    inner = [schema.get("type"), schema.get("items"), schema.get("values")]
    inner += [each.get("type") for each in schema.get("fields", ()) if isinstance(each, dict)]
    return any(_has_empty_items(each, named, seen) for each in inner)


def _is_empty(schema: Any, named: Mapping[str, Any]) -> bool:
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    if schema == "null":
        return True
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "null" or (schema.get("type") == "fixed" and not schema.get("size")):
        return True
    fields = schema.get("fields")
    return schema.get("type") in ("record", "error") and all(
        _is_empty(each.get("type"), named) for each in fields or ()
    )

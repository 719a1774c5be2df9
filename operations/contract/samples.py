"""Files of samples to records, byte for byte as Kafka would have them.

json      one value, or an array of them; or one value a line (NDJSON)
records   one object a line with key, headers, timestamp_ms and value (or value_base64)
base64    one payload a line
avro      an Avro container file: its schema is the writer's
raw       the whole file is one payload
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from operations.errors import CannotCheck
from transforms.codecs.contract.schema_source import SchemaSource, WriterSchema, unknown
from transforms.payment.transaction import KafkaRecord

KINDS = ("json", "records", "base64", "avro", "raw")
FILE_BYTES_MAX = 1_000_000_000
_RECORD_KEYS = frozenset(
    {"key", "key_base64", "headers", "timestamp_ms", "value", "value_base64", "topic", "partition"}
)
_SUFFIXES = {".avro": "avro", ".b64": "base64", ".base64": "base64", ".bin": "raw", ".pb": "raw"}


class Sample(NamedTuple):
    """A record, and where it was found."""

    record: KafkaRecord
    place: str


class ContainerSchemas:
    """Schemas of container files, by numbers of our own; other ids are asked for elsewhere."""

    # Registries count from 1.
    FIRST_ID = 0xFFFF0000

    def __init__(self, others: SchemaSource | None) -> None:
        self._others = others
        self._texts: list[str] = []

    def add(self, schema: Any) -> int:
        """Returns the number of a schema."""
        text = json.dumps(schema)
        if text not in self._texts:
            self._texts.append(text)
        return self.FIRST_ID + self._texts.index(text)

    def schema(self, schema_id: int) -> WriterSchema:
        """Returns the schema; see SchemaSource."""
        place = schema_id - self.FIRST_ID
        if 0 <= place < len(self._texts):
            return WriterSchema(self._texts[place])
        if self._others is None:
            raise unknown(schema_id, "the samples")
        return self._others.schema(schema_id)


def records_of(
    path: Path, kind: str | None, now_us: int, schemas: ContainerSchemas
) -> Iterator[Sample]:
    """Yields the records of a file.

    Args:
        path: of the file.
        kind: one of KINDS; None goes by its name and content.
        now_us: when records without a timestamp count as arrived.
        schemas: takes the schemas of container files.

    Raises:
        CannotCheck: it cannot be read as what it is said to be.
    """
    raw = _read(path)
    kind = kind or _kind_of(path, raw)
    if kind == "records":
        yield from _enveloped(path, raw, now_us)
        return
    for place, (label, payload) in enumerate(_payloads(path, raw, kind, schemas)):
        yield Sample(KafkaRecord("sample", 0, place, now_us, None, payload), f"{path}:{label}")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise CannotCheck(f"{path} has more than {FILE_BYTES_MAX} bytes. Hint: take a part")
        return path.read_bytes()
    except OSError as error:
        raise CannotCheck(f"{path} cannot be read: {error.strerror or error}") from None


def _kind_of(path: Path, raw: bytes) -> str:
    if raw.startswith(b"Obj\x01"):
        return "avro"
    if ".records" in path.suffixes:
        return "records"
    return _SUFFIXES.get(path.suffix, "json")


def _payloads(
    path: Path, raw: bytes, kind: str, schemas: ContainerSchemas
) -> Iterator[tuple[str, bytes]]:
    match kind:
        case "raw":
            yield "0", raw
        case "base64":
            yield from _base64_lines(path, raw)
        case "avro":
            yield from _container(path, raw, schemas)
        case _:
            yield from _json_values(raw)


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(raw.splitlines(), start=1):
        if line.strip():
            yield number, line


def _base64_lines(path: Path, raw: bytes) -> Iterator[tuple[str, bytes]]:
    for number, line in _lines(raw):
        yield str(number), _decoded(path, number, line)


def _decoded(path: Path, number: int, text: bytes | str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CannotCheck(
            f"{path}:{number} must be base64: {error}. Hint: --as says what the file holds"
        ) from None


def _json_values(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields one value, those of one array, or one a line; what is no JSON is a record as well."""
    text = raw.decode("utf-8", "surrogateescape")
    try:
        value, _ = json.JSONDecoder().raw_decode(text.strip())
        alone = json.loads(text) is not None or value is None
    except (ValueError, RecursionError):
        alone, value = False, None
    if not alone:
        yield from ((str(number), line) for number, line in _lines(raw))
    elif isinstance(value, list) and value:
        yield from _array_items(text)
    else:
        yield "1", raw.strip()


def _array_items(text: str) -> Iterator[tuple[str, bytes]]:
    """Yields the items of an array, each as it is written."""
    decoder, at = json.JSONDecoder(), text.index("[") + 1
    while True:
        at = _after_blanks(text, at)
        _, end = decoder.raw_decode(text, at)
        line = text.count("\n", 0, at) + 1
        yield str(line), text[at:end].encode("utf-8", "surrogateescape")
        at = _after_blanks(text, end)
        if text[at] == "]":
            return
        at += 1


def _after_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _container(path: Path, raw: bytes, schemas: ContainerSchemas) -> Iterator[tuple[str, bytes]]:
    """Yields the records of a container file, framed as a registry's would be."""
    try:
        blocks = fastavro.block_reader(io.BytesIO(raw))
        schema = blocks.writer_schema
        frame = b"\0" + schemas.add(schema).to_bytes(4, "big")
        number = 0
        for block in blocks:
            content = block.bytes_  # type: ignore[attr-defined]
            content.seek(0)
            for _ in range(block.num_records):
                begin = content.tell()
                fastavro.schemaless_reader(content, schema, None)
                yield str(number), frame + content.getvalue()[begin : content.tell()]
                number += 1
    except (ValueError, EOFError, LookupError, TypeError, ArithmeticError) as error:
        raise CannotCheck(f"{path} is no Avro container file: {str(error)[:200]}") from None


def _enveloped(path: Path, raw: bytes, now_us: int) -> Iterator[Sample]:
    for number, line in _lines(raw):
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise CannotCheck(f"{path}:{number} is no JSON: {error}") from None
        if not isinstance(fields, dict) or not fields.keys() <= _RECORD_KEYS:
            known = ", ".join(sorted(_RECORD_KEYS))
            raise CannotCheck(f"{path}:{number} must be an object of some of {known}")
        time_ms = fields.get("timestamp_ms")
        record = KafkaRecord(
            str(fields.get("topic", "sample")),
            int(fields.get("partition", 0)),
            number,
            now_us if time_ms is None else int(time_ms) * 1_000,
            _content(path, number, fields, "key"),
            _content(path, number, fields, "value"),
            headers=_headers(path, number, fields.get("headers") or {}),
        )
        yield Sample(record, f"{path}:{number}")


def _content(path: Path, number: int, fields: dict[str, Any], name: str) -> bytes | None:
    """Returns a key or value: a text is what it says, other JSON is itself."""
    if f"{name}_base64" in fields:
        return _decoded(path, number, str(fields[f"{name}_base64"]))
    value = fields.get(name)
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def _headers(path: Path, number: int, headers: Any) -> tuple[tuple[str, bytes | None], ...]:
    if not isinstance(headers, dict):
        raise CannotCheck(f"{path}:{number} headers must be an object of texts")
    return tuple(
        (name, None if value is None else str(value).encode()) for name, value in headers.items()
    )

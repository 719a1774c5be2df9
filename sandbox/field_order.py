"""Gives the fields of Beam's StorageApiWritePayload the same order in every Java process.

The BigQuery sink keeps up to a second of rows in its state as StorageApiWritePayload. Its coder
writes the fields in the order in which the virtual machine lists the class's methods, which may be
another one in the next process. A job that starts from a checkpoint with another expansion service
then reads times as payloads, and fails again and again (docs/upgrade.md). Beam takes a fixed order
from @SchemaFieldNumber, but declares none here (2.70.0). So the sandbox puts a copy of the class
first in the class path, with that annotation on its getters.

Format: the Java Virtual Machine Specification, sections 4.6 (methods) and 4.7.16 (annotations).
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from sandbox.class_file import UTF8, Pool, add_patched
from sandbox.errors import SandboxError

_JAR_PATTERN = "beam-sdks-java-io-google-cloud-platform-*.jar"
CLASS_NAME = "org/apache/beam/sdk/io/gcp/bigquery/StorageApiWritePayload.class"
# In the order of their declaration, to which most processes come by themselves.
GETTERS = (
    b"getPayload",
    b"getUnknownFieldsPayload",
    b"getTimestamp",
    b"getFailsafeTableRowPayload",
)
_ANNOTATION = b"Lorg/apache/beam/sdk/schemas/annotations/SchemaFieldNumber;"
_ATTRIBUTE = b"RuntimeVisibleAnnotations"

_CLASS_HEAD_BYTES = 6  # access, this class, its parent
_MEMBER_HEAD_BYTES = 6  # access, name, type
_ATTRIBUTE_HEAD = struct.Struct(">HI")  # name, length


def add(jars: Path, target: zipfile.ZipFile) -> None:
    """Writes the patched class of the one jar in `jars` that holds it."""
    add_patched(jars, _JAR_PATTERN, CLASS_NAME, patch, target)


def patch(class_file: bytes) -> bytes:
    """Returns the class with a field number on each getter.

    Raises:
        SandboxError: it has other getters, or numbers already.
    """
    if _ANNOTATION in class_file:
        raise SandboxError("StorageApiWritePayload has field numbers: this patch can go")
    pool = Pool(class_file)
    body = pool.rest
    fields_at = _CLASS_HEAD_BYTES + 2 + 2 * _number(body, _CLASS_HEAD_BYTES)
    methods_at = _end_of_members(body, fields_at)
    result, position = body[: methods_at + 2], methods_at + 2
    found = []
    for _ in range(_number(body, methods_at)):
        end = _end_of_member(body, position)
        method, position = body[position:end], end
        name = pool.text(_number(method, 2))
        if name in GETTERS:
            found.append(name)
            method = _numbered(method, pool, GETTERS.index(name))
        result += method
    if sorted(found) != sorted(GETTERS):
        raise SandboxError(f"StorageApiWritePayload has the getters {found}, not {GETTERS}")
    return pool.header() + result + body[position:]


def _numbered(method: bytes, pool: Pool, number: int) -> bytes:
    """Returns the method with one annotation more: SchemaFieldNumber, its value a text."""
    value = pool.add(UTF8, str(number).encode())
    type_and_value = (pool.add(UTF8, _ANNOTATION), 1, pool.add(UTF8, b"value"), b"s", value)
    annotation = struct.pack(">HHHcH", *type_and_value)
    before, attributes = struct.pack(">H", 0), []
    position = _MEMBER_HEAD_BYTES + 2
    for _ in range(_number(method, _MEMBER_HEAD_BYTES)):
        name, length = _ATTRIBUTE_HEAD.unpack_from(method, position)
        begin, position = position, position + _ATTRIBUTE_HEAD.size + length
        if pool.text(name) == _ATTRIBUTE:
            before = method[begin + _ATTRIBUTE_HEAD.size : position]
        else:
            attributes.append(method[begin:position])
    annotations = struct.pack(">H", _number(before, 0) + 1) + before[2:] + annotation
    head = _ATTRIBUTE_HEAD.pack(pool.add(UTF8, _ATTRIBUTE), len(annotations))
    attributes.append(head + annotations)
    count = struct.pack(">H", len(attributes))
    return method[:_MEMBER_HEAD_BYTES] + count + b"".join(attributes)


def _end_of_members(body: bytes, position: int) -> int:
    """Returns where a list of fields or methods ends that begins, with their count, there."""
    count, position = _number(body, position), position + 2
    for _ in range(count):
        position = _end_of_member(body, position)
    return position


def _end_of_member(body: bytes, position: int) -> int:
    count = _number(body, position + _MEMBER_HEAD_BYTES)
    position += _MEMBER_HEAD_BYTES + 2
    for _ in range(count):
        _, length = _ATTRIBUTE_HEAD.unpack_from(body, position)
        position += _ATTRIBUTE_HEAD.size + length
    return position


def _number(content: bytes, position: int) -> int:
    return int.from_bytes(content[position : position + 2])

"""Checks that the paths of a contract lead to fields of the schema that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from transforms.codecs.contract import avro, protobuf
from transforms.codecs.contract.language import Contract, Path
from transforms.codecs.contract.paths import is_selector
from transforms.codecs.contract.schema_source import WriterSchema

# Says whether a path leads to a field.
Leads = Callable[[Sequence[str]], bool]


def dead_ends(contract: Contract) -> Iterator[tuple[Path, int | None]]:
    """Yields the paths that lead nowhere, each with the line of its field, None for other paths."""
    content = contract.schema.content
    if content is None or contract.format not in ("avro", "protobuf", "protobuf_registry"):
        return
    leads = _of_avro(content) if contract.format == "avro" else _of_protobuf(contract)
    for path, line in _outermost(contract):
        if path.segments and not leads(path.segments):
            yield path, line


def _outermost(contract: Contract) -> Iterator[tuple[Path, int | None]]:
    """Yields the paths that begin where the schema does: before anything is unwrapped."""
    origins = ("outer",) if contract.unwrap else ("inner", "outer")
    fields = [*contract.fields.values(), *(each.field for each in contract.columns)]
    if contract.unwrap:
        yield contract.unwrap[0].at, None
    for field in fields:
        yield from ((path, field.line) for path in field.all_paths if path.origin in origins)
    yield from ((each.at, None) for each in contract.keep if each.at.origin in origins)


def _of_avro(content: bytes) -> Leads:
    schema, named = avro.parsed(WriterSchema(content.decode()))

    def leads(names: Sequence[str]) -> bool:
        reached = _branches(schema, named)
        for name in names:
            inner = [each for branch in reached for each in _steps(branch, name)]
            reached = [branch for each in inner for branch in _branches(each, named)]
        return bool(reached)

    return leads


def _branches(schema: Any, named: Mapping[str, Any]) -> list[Any]:
    """Returns what a value of the schema may be, each without names and wrapping."""
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    if isinstance(schema, list):
        return [branch for each in schema for branch in _branches(each, named)]
    if isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
        return _branches(schema["type"], named)
    return [schema]


def _steps(schema: Any, name: str) -> list[Any]:
    """Returns the schemas that a name of a path leads to, none or one."""
    if not isinstance(schema, dict):
        return []
    match schema.get("type"):
        case "record":
            return [each["type"] for each in schema["fields"] if each["name"] == name]
        case "array":
            return [schema["items"]] if name.isdecimal() or is_selector(name) else []
        case "map":
            return [schema["values"]]
    return []


def _of_protobuf(contract: Contract) -> Leads:
    content, name = contract.schema.content or b"", contract.schema.message or ""
    descriptor = protobuf.descriptor_of(content, name)
    return lambda names: _in_message(descriptor, names)


def _in_message(descriptor: Descriptor, names: Sequence[str]) -> bool:
    field = descriptor.fields_by_name.get(names[0])
    if field is None:
        return False
    rest = names[1:]
    if protobuf.is_map(field):
        field, rest = field.message_type.fields_by_name["value"], rest[1:]
    elif protobuf.is_repeated(field) and rest:
        if not (rest[0].isdecimal() or is_selector(rest[0])):
            return False
        rest = rest[1:]
    if not rest:
        return True
    has_fields = field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
    has_fields = has_fields and not protobuf.is_wrapper(field)
    return has_fields and _in_message(field.message_type, rest)

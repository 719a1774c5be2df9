"""Loads the parts around the fields of a contract: unwrap, keep, columns, extra."""

from __future__ import annotations

import re
from collections.abc import Callable

from transforms.codecs.contract import avro, load_fields, load_paths, paths
from transforms.codecs.contract.language import (
    COLUMN_TYPES,
    UNWRAPS,
    Column,
    Extra,
    Field,
    Keep,
    Unwrap,
)
from transforms.codecs.contract.mistakes import Reading, Section
from transforms.codecs.contract.schema_source import WriterSchema
from transforms.codecs.contract.yaml_tree import Value
from transforms.payment.tables import OUTCOME_TABLES

_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_TAKEN = frozenset(name.lower() for table in OUTCOME_TABLES for name in table.column_names)
_UNWRAPS_MAX = 10
_COLUMNS_MAX = 100
_KINDS_OF_COLUMN = {
    "STRING": "text",
    "INT64": "integer",
    "BOOL": "boolean",
    "FLOAT64": "number",
    "NUMERIC": "decimal",
}


def unwraps_of(section: Section, read_file: Callable[[str], bytes]) -> tuple[Unwrap, ...]:
    """Returns the layers to be taken off, the outermost first."""
    value = section.get("unwrap")
    if value is None:
        return ()
    items = section.reading.items(value, "unwrap", "a list of {at, as}")
    if len(items) > _UNWRAPS_MAX:
        section.reading.wrong(value.line, f"unwrap must be at most {_UNWRAPS_MAX} layers")
    found = [
        _unwrap(section.reading, f"unwrap.{place}", item, read_file)
        for place, item in enumerate(items)
    ]
    return tuple(each for each in found if each)


def _unwrap(
    reading: Reading, where: str, value: Value, read_file: Callable[[str], bytes]
) -> Unwrap | None:
    section = reading.section(value, where, ("at", "as", "schema"))
    at, kind = (
        section.required("at"),
        section.required("as", f". Hint: one of {', '.join(UNWRAPS)}"),
    )
    path = load_paths.path_of(reading, f"{where}.at", at) if at else None
    if path is None or kind is None:
        return None
    chosen = section.choice("as", UNWRAPS, "object")
    schema = None
    if chosen == "avro_bytes":
        schema = _avro_schema(section, read_file)
    elif "schema" in section:
        reading.wrong(section.line_of("schema"), f"{where}.schema is for avro_bytes alone")
    return Unwrap(path, chosen, schema)


def _avro_schema(section: Section, read_file: Callable[[str], bytes]) -> bytes | None:
    value = section.required("schema", " for avro_bytes: {file: …}")
    if value is None:
        return None
    inner = section.reading.section(value, section.name("schema"), ("file",))
    name = inner.text("file") if inner.required("file") else None
    if name is None:
        return None
    try:
        content = read_file(name)
        avro.parsed(WriterSchema(content.decode()))
    except OSError as error:
        inner.reading.wrong(inner.line_of("file"), f"{name!r} cannot be read ({error.strerror})")
    except ValueError as error:
        inner.reading.wrong(inner.line_of("file"), f"{inner.name('file')}: {error}")
    else:
        return content
    return None


def keeps_of(section: Section) -> tuple[Keep, ...]:
    """Returns the rules of which records are payments."""
    value = section.get("keep")
    if value is None:
        return ()
    items = section.reading.items(value, "keep", "a list of {at, in, skip, else}")
    found = [_keep(section.reading, f"keep.{place}", item) for place, item in enumerate(items)]
    keeps = [each for each in found if each]
    names = [each.name for each in keeps]
    for keep, item in zip(keeps, items, strict=False):
        if names.count(keep.name) > 1:
            section.reading.wrong(
                item.line, f"keep has two rules of the name {keep.name!r}. Hint: give one `name:`"
            )
    return tuple(keeps)


def _keep(reading: Reading, where: str, value: Value) -> Keep | None:
    section = reading.section(value, where, ("at", "in", "skip", "else", "name"))
    at = section.required("at")
    path = load_paths.path_of(reading, f"{where}.at", at) if at else None
    kept, skipped = _states(section, "in"), _states(section, "skip")
    otherwise = section.choice("else", ("skip", "keep", "reject"), "reject")
    if "in" not in section and otherwise != "keep":
        reading.wrong(value.line, f"{where}.in is required: the values of a payment")
    for state in kept & skipped:
        reading.wrong(value.line, f"{where} names {state[1]!r} in both `in` and `skip`")
    if path is None:
        return None
    name = section.text("name") or path.text
    return Keep(path, name, _values(kept), _values(skipped), otherwise)


def _values(states: set[tuple[str, object]]) -> tuple[object, ...]:
    return tuple(state for _, state in sorted(states, key=repr))


def _states(section: Section, key: str) -> set[tuple[str, object]]:
    """Returns the values of a list, each with its type: `true` is not 1."""
    value = section.get(key)
    if value is None:
        return set()
    found = set()
    for item in section.reading.items(value, section.name(key), "a list of values"):
        if isinstance(item.data, list | dict | float):
            section.reading.must(item, section.name(key), "texts, whole numbers, true, false, null")
            continue
        found.add((type(item.data).__name__, item.data))
    return found


def columns_of(section: Section) -> tuple[Column, ...]:
    """Returns the extra columns."""
    value = section.get("columns")
    if value is None:
        return ()
    items = section.reading.items(value, "columns", "a list of {name, at, type}")
    if len(items) > _COLUMNS_MAX:
        section.reading.wrong(value.line, f"columns must be at most {_COLUMNS_MAX}")
    columns: list[Column] = []
    for place, item in enumerate(items):
        column = _column(section.reading, f"columns.{place}", item)
        if column and column.name.lower() in {each.name.lower() for each in columns}:
            section.reading.wrong(item.line, f"columns names {column.name!r} twice")
        elif column:
            columns.append(column)
    return tuple(columns)


def _column(reading: Reading, where: str, value: Value) -> Column | None:
    keys = ("name", "at", "type", "as", "zone", "ambiguous", "pattern")
    section = reading.section(value, where, keys)
    for key in ("name", "at", "type"):
        section.required(key)
    name = _column_name(section, "name")
    kind = section.choice("type", COLUMN_TYPES, "STRING")
    if kind == "TIMESTAMP":
        rest = {k: e for k, e in value.data.items() if k not in ("name", "type")}
        field = load_fields.time_field(reading, "column", where, value._replace(data=rest))
    else:
        for key in ("as", "zone", "ambiguous", "pattern"):
            if key in section:
                reading.wrong(section.line_of(key), f"{where}.{key} is for TIMESTAMP alone")
        at = section.get("at")
        path = load_paths.path_of(reading, f"{where}.at", at) if at else None
        field = Field("column", (path,) if path else (), _KINDS_OF_COLUMN[kind], value.line)
    return Column(name, kind, field) if name and field.paths else None


def _column_name(section: Section, key: str) -> str | None:
    name = section.text(key)
    value = section.get(key)
    if name is None or value is None:
        return None
    if not _COLUMN.fullmatch(name):
        section.reading.must(value, section.name(key), "letters, digits and _, at most 128")
        return None
    if name.lower() in _TAKEN:
        section.reading.wrong(
            value.line, f"{section.name(key)} {name!r} is a column of the tables already"
        )
        return None
    return name


def extra_of(section: Section) -> Extra | None:
    """Returns what becomes of the rest of a record, None for nothing."""
    value = section.get("extra")
    if value is None or value.data is False:
        return None
    inner = section.reading.section(value, "extra", ("column", "without"))
    inner.required("column")
    name = _column_name(inner, "column")
    without = []
    listed = inner.get("without")
    if listed is not None:
        for item in section.reading.items(listed, "extra.without", "a list of paths"):
            path = load_paths.path_of(section.reading, "extra.without", item)
            if path and (path.origin != "inner" or not path.segments):
                section.reading.must(item, "extra.without", paths_hint())
            elif path:
                without.append(path.segments)
    return Extra(name, tuple(without)) if name else None


def paths_hint() -> str:
    """Returns which paths `extra.without` takes."""
    return f"paths inside the payment, none of {', '.join(f'{o}:' for o in paths.ORIGINS)}"

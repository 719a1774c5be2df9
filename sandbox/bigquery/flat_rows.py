"""Rows without nested fields, decoded by the column: a tenth of the time it takes value by value.

bqemulator asks of every value of every row what kind of column it is for. Here that is asked once
per column and append. Whatever is not plain is left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.bigquery import wire_values


def apply() -> None:
    """Puts ours in the place of the emulator's, which stays for rows with nested fields."""
    from bqemulator.grpc_api import write_servicer

    original = write_servicer.proto_rows_to_arrow_table

    def to_arrow(decoder: Any, serialized: list[bytes], schema: Any) -> Any:
        if any(_nested(field) for field in decoder._descriptor.fields):
            return original(decoder, serialized, schema)
        return flat_to_arrow(decoder, serialized, schema)

    write_servicer.proto_rows_to_arrow_table = to_arrow


def flat_to_arrow(decoder: Any, serialized: list[bytes], schema: Any) -> Any:
    """Returns an Arrow table of rows whose fields are all single values.

    Args:
        decoder: the emulator's ProtoRowDecoder of the writer's schema.
        serialized: the rows as they came.
        schema: of the table; a column that the writer does not have is null.
    """
    import pyarrow

    parse = decoder._message_class.FromString
    messages = [parse(row) for row in serialized]
    written = {field.name: field for field in decoder._descriptor.fields}
    columns = []
    for column in schema:
        field = written.get(column.name)
        if field is None:
            columns.append(pyarrow.nulls(len(messages), column.type))
            continue
        values = _values(messages, field)
        convert = _converter(field, column)
        if convert is not None:
            values = [None if value is None else convert(value) for value in values]
        columns.append(pyarrow.array(values, column.type))
    return pyarrow.Table.from_arrays(columns, schema=schema)


def _values(messages: list[Any], field: Any) -> list[Any]:
    name = field.name
    if not field.has_presence:
        return [getattr(message, name) for message in messages]
    return [getattr(message, name) if message.HasField(name) else None for message in messages]


def _nested(field: Any) -> bool:
    return bool(field.is_repeated or field.type == field.TYPE_MESSAGE)


def _converter(field: Any, column: Any) -> Callable[[Any], Any] | None:
    """Returns what makes a value of the field one of the column; None where it is one already."""
    from pyarrow import types

    kind = column.type
    if field.cpp_type == field.CPPTYPE_STRING:  # bytes as well
        if field.type == field.TYPE_STRING and types.is_string(kind):
            return None
        if field.type == field.TYPE_BYTES and types.is_binary(kind):
            return None
        if field.type == field.TYPE_BYTES and types.is_decimal(kind):
            scale = kind.scale
            return lambda value: wire_values.numeric(value, scale)
    elif field.cpp_type in {field.CPPTYPE_INT64, field.CPPTYPE_INT32}:
        if types.is_integer(kind) or (types.is_timestamp(kind) and kind.tz is not None):
            return None
    elif field.cpp_type == field.CPPTYPE_DOUBLE and types.is_floating(kind):
        return None
    return _as_the_emulator_does(kind)


def _as_the_emulator_does(kind: Any) -> Callable[[Any], Any]:
    from bqemulator.storage import arrow_bridge

    return lambda value: arrow_bridge._coerce_to_arrow_value(value, kind)

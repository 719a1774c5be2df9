"""Declarations of fields: the column of each, and whether a payload holds it.

A NamedTuple declares each of its fields once, as `name: Annotated[type, Field(…)]`. Decoders,
tables, Arrow rows and whoever reads rows back take names, types and order from there.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeVar

ColumnType = Literal["STRING", "INT64", "FLOAT64", "NUMERIC", "TIMESTAMP", "BYTES", "BOOL"]

_TYPE_OF: dict[type, ColumnType] = {
    str: "STRING",
    int: "INT64",
    float: "FLOAT64",
    bytes: "BYTES",
}
Kind = TypeVar("Kind", bound=type)


@dataclasses.dataclass(frozen=True)
class Column:
    """One column, as BigQuery knows it.

    Attributes:
        added: 0 of a column that its table was made with; 1, 2, 3, … of those that came later, in
            the order in which they came. BigQuery adds columns at the end, and so do tables here.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = False
    added: int = 0


@dataclasses.dataclass(frozen=True)
class Field:
    """The column that a field ends in.

    Attributes:
        column: its name, where it is another than the field's.
        type: its type, where the field's own does not tell: "TIMESTAMP" of microseconds since the
            epoch, "NUMERIC" of minor units.
        nullable: whether the column may be null although the field is not Optional: it is that of
            a whole that may be absent.
        added: see Column.
    """

    description: str
    column: str | None = None
    type: ColumnType | None = None
    nullable: bool = False
    added: int = 0


@dataclasses.dataclass(frozen=True)
class Payload(Field):
    """As a Field; and the payload holds it, by the column's name: see codecs/wire_format.py.

    Attributes:
        required: whether our own payload must hold it although the field is Optional.
    """

    required: bool = False


@dataclasses.dataclass(frozen=True)
class Declared:
    """A field and one of its columns.

    Attributes:
        name: of the field.
        in_payload: whether the payload holds it, by the column's name.
        required: whether the payload must.
    """

    name: str
    column: Column
    in_payload: bool
    required: bool = False


_DECLARED: dict[Any, tuple[Declared, ...]] = {}


def declares(kind: Kind) -> Kind:
    """Reads what the fields of a NamedTuple say; their annotations are plain types from there on.

    Beam makes a schema of annotations, and takes an Annotated for anything, which it would pickle.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    _DECLARED[kind] = tuple(each for name, hint in hints.items() for each in _declared(name, hint))
    kind.__annotations__ = typing.get_type_hints(kind)
    return kind


def fields_of(kind: Any) -> tuple[Declared, ...]:
    """Returns what the fields say that have a column, in their order."""
    return _DECLARED[kind]


def columns_of(kind: Any, names: Iterable[str] | None = None) -> tuple[Column, ...]:
    """Returns the columns of these fields in this order, or of all in their own."""
    if names is None:
        return tuple(each.column for each in fields_of(kind))
    return tuple(each.column for name in names for each in fields_of(kind) if each.name == name)


def _declared(name: str, hint: Any) -> Iterator[Declared]:
    plain, *said = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    some = [each for each in typing.get_args(plain) or (plain,) if each is not type(None)]
    nullable = type(None) in typing.get_args(plain)
    for field in said:
        column = Column(
            field.column or name,
            field.type or _TYPE_OF[some[0]],
            field.description,
            nullable or field.nullable,
            field.added,
        )
        in_payload = isinstance(field, Payload)
        required = in_payload and (not column.nullable or field.required)
        yield Declared(name, column, in_payload, required)

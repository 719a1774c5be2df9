"""Avro of which only some fields are wanted: the others are passed over, not decoded.

A payment has ten fields, its record may have fifty. fastavro makes a Python value of each, which
takes most of the time; to pass over one is to add its length. What is wanted and is no plain value
(an array, a map, a record as a whole) is left to fastavro: then there is no reader here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from transforms.codecs.contract.asked_for import Tree

Read = Callable[[bytes, int], tuple[Any, int]]
# What is done with a value, by its type and logical type.
Logical = Mapping[str, Callable[[Any, Any], Any]]
# A kind of value to pass over, and what must be known of it.
Op = tuple[int, Any]

FIXED, NUMBER, SIZED, MAYBE, UNION, BLOCKS, NAMED = range(7)
_SKIPS: dict[str, Op] = {
    **{"null": (FIXED, 0), "boolean": (FIXED, 1), "float": (FIXED, 4), "double": (FIXED, 8)},
    **{"int": (NUMBER, None), "long": (NUMBER, None), "enum": (NUMBER, None)},
    **{"bytes": (SIZED, None), "string": (SIZED, None)},
}
_INT64 = range(-(2**63), 2**63)
_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")
DEPTH_MAX = 60


class Unfit(Exception):
    """Something is wanted that only fastavro reads."""


def reader(schema: Any, named: Mapping[str, Any], tree: Tree, logical: Logical) -> Read | None:
    """Returns the function that reads a record at a place, None when fastavro must.

    Args:
        schema: of a record, as fastavro has parsed it.
        named: the named types in it.
        tree: the fields that are wanted.
        logical: what is done with values of logical types.
    """
    compiler = Compiler(named, logical)
    try:
        found = compiler.resolved(schema)
        if not isinstance(found, dict) or found.get("type") not in ("record", "error"):
            return None
        return compiler.record(found, tree, 0)
    except (Unfit, RecursionError):
        return None


def depth_check(schema: Any, named: Mapping[str, Any]) -> list[Op] | None:
    """Returns what finds records too deep in each other, None where none can be.

    fastavro goes as deep as the bytes say, until the stack of the process ends, and the process.

    Raises:
        Unfit, RecursionError: that cannot be told.
    """
    compiler = Compiler(named, {})
    ops = compiler.skip(schema)
    return ops if compiler.holds_itself else None


class Compiler:
    """Makes readers of records, and lists of what is passed over."""

    def __init__(self, named: Mapping[str, Any], logical: Logical) -> None:
        self._named = named
        self.logical = logical
        self._skips: dict[str, list[Op]] = {}
        self.holds_itself = False  # a record, in another of its kind

    def resolved(self, schema: Any) -> Any:
        """Returns a schema without names of other schemas, and without wrapping."""
        for _ in range(DEPTH_MAX):
            if isinstance(schema, str) and schema in self._named:
                schema = self._named[schema]
            elif isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
                schema = schema["type"]
            else:
                return schema
        raise Unfit

    def record(self, schema: dict[str, Any], tree: Tree, depth: int) -> Read:
        """Returns the function that reads the wanted fields of a record."""
        if depth > DEPTH_MAX:
            raise Unfit
        parts: list[tuple[list[Op], str, Read]] = []
        passed: list[Op] = []
        for field in schema["fields"]:
            if field["name"] in tree:
                read = self.value(field["type"], tree[field["name"]], depth + 1)
                parts.append((merged(passed), field["name"], read))
                passed = []
            else:
                passed += self.skip(field["type"])
        rest = merged(passed)

        def read_record(raw: bytes, at: int) -> tuple[dict[str, Any], int]:
            fields = {}
            for ops, name, read in parts:
                if ops:
                    at = pass_over(raw, at, ops)
                fields[name], at = read(raw, at)
            return fields, pass_over(raw, at, rest) if rest else at

        return read_record

    def value(self, schema: Any, tree: Tree | None, depth: int) -> Read:
        """Returns the function that reads a value."""
        schema = self.resolved(schema)
        if isinstance(schema, list):
            return _of_union([self.value(each, tree, depth) for each in schema])
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind == "record" and tree is not None:
            return self.record(schema, tree, depth)
        if kind not in _PLAIN:
            raise Unfit
        if tree is not None and kind != "null":
            raise Unfit  # a path leads through a plain value: fastavro's answer is as good
        read = _PLAIN[kind](schema)
        name = f"{kind}-{schema.get('logicalType')}" if isinstance(schema, dict) else ""
        if name not in self.logical:
            return read
        convert = self.logical[name]

        def converted(raw: bytes, at: int) -> tuple[Any, int]:
            value, at = read(raw, at)
            return convert(value, schema), at

        return converted

    def skip(self, schema: Any) -> list[Op]:
        """Returns how a value is passed over."""
        schema = self.resolved(schema)
        if isinstance(schema, list):
            return [_union_op([merged(self.skip(each)) for each in schema])]
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind in _SKIPS:
            return [_SKIPS[kind]]
        return self._skip_of_other(kind, schema)

    def _skip_of_other(self, kind: str, schema: dict[str, Any]) -> list[Op]:
        match kind:
            case "fixed":
                return [(FIXED, schema["size"])]
            case "array":
                return [(BLOCKS, merged(self.skip(schema["items"])))]
            case "map":
                return [(BLOCKS, merged([(SIZED, None), *self.skip(schema["values"])]))]
            case "record" | "error":
                return [(NAMED, self._skip_of_record(schema))]
        raise Unfit

    def _skip_of_record(self, schema: dict[str, Any]) -> list[Op]:
        name = schema["name"]
        if name not in self._skips:
            ops = self._skips[name] = []  # a record may hold itself
            found = [op for field in schema["fields"] for op in self.skip(field["type"])]
            ops += merged(found)
        elif not self._skips[name]:  # as long as it is being made
            self.holds_itself = True
        return self._skips[name]


def _union_op(branches: list[list[Op]]) -> Op:
    """Returns how a union is passed over: null or a text, which most are, in one go."""
    if [] in branches and [(SIZED, None)] in branches and len(branches) == 2:
        return MAYBE, 2 * branches.index([])  # as zigzag writes the place of null
    return UNION, tuple(branches)


def merged(ops: list[Op]) -> list[Op]:
    """Returns the same, with sizes that follow each other added up."""
    found: list[Op] = []
    for op in ops:
        if op[0] == FIXED and found and found[-1][0] == FIXED:
            found[-1] = (FIXED, found[-1][1] + op[1])
        elif op != (FIXED, 0):
            found.append(op)
    return found


def pass_over(  # noqa: C901  a call for each is dear
    raw: bytes, at: int, ops: list[Op], depth: int = 0
) -> int:
    """Returns where the values end. Raises IndexError or ValueError for bytes that are none."""
    for kind, arg in ops:
        if kind == FIXED:
            at += arg
        elif kind == NUMBER:
            while raw[at] > 127:
                at += 1
            at += 1
        elif kind > MAYBE:
            at = _pass_over_other(raw, at, kind, arg, depth)
        else:
            if kind == MAYBE:
                place = raw[at]
                at += 1
                if place == arg:
                    continue
                if place != 2 - arg:
                    raise IndexError("no such branch of a union")
            size = raw[at]
            if size < 128 and not size & 1:
                at += 1 + (size >> 1)
            else:
                size, at = _size_at(raw, at)
                at += size
    return at


def deeper(depth: int) -> int:
    """Returns the depth inside one more record: Python's own limit depends on who calls."""
    if depth == DEPTH_MAX:
        raise IndexError(f"records within each other, more than {DEPTH_MAX}")
    return depth + 1


def _pass_over_other(raw: bytes, at: int, kind: int, arg: Any, depth: int) -> int:
    if kind == NAMED:
        return pass_over(raw, at, arg, deeper(depth))
    if kind == UNION:
        place, at = _size_at(raw, at)
        ops = arg[place]
        return pass_over(raw, at, ops, depth) if ops else at
    while True:
        count, at = _long_at(raw, at)
        if count == 0:
            return at
        if count < 0:  # the size of the block follows, which may be a lie
            _, at = _long_at(raw, at)
        for _ in range(abs(count)):
            at = pass_over(raw, at, arg, depth)
            if at > len(raw):
                raise IndexError("a block ends behind the record")


def _long_at(raw: bytes, at: int) -> tuple[int, int]:
    byte = raw[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    value, shift = byte & 0x7F, 7
    for _ in range(9):
        at += 1
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            value = (value >> 1) ^ -(value & 1)
            if value not in _INT64:
                break
            return value, at + 1
        shift += 7
    raise ValueError("a number of more than 64 bits")


def _size_at(raw: bytes, at: int) -> tuple[int, int]:
    size, at = _long_at(raw, at)
    if size < 0:
        raise ValueError("a size below zero")
    return size, at


def _of_union(branches: list[Read]) -> Read:
    def read(raw: bytes, at: int) -> tuple[Any, int]:
        place, at = _size_at(raw, at)
        return branches[place](raw, at)

    return read


def _bytes_at(raw: bytes, at: int) -> tuple[bytes, int]:
    size, at = _size_at(raw, at)
    return raw[at : at + size], at + size


def _text_at(raw: bytes, at: int) -> tuple[str, int]:
    size = raw[at]
    if size < 0x80 and not size & 1:
        at += 1
        end = at + (size >> 1)
    else:
        size, at = _size_at(raw, at)
        end = at + size
    return raw[at:end].decode(), end


def _enum(schema: Any) -> Read:
    symbols = schema["symbols"]

    def read(raw: bytes, at: int) -> tuple[str, int]:
        place, at = _size_at(raw, at)
        return symbols[place], at

    return read


def _fixed(schema: Any) -> Read:
    size = schema["size"]
    return lambda raw, at: (raw[at : at + size], at + size)


_PLAIN: dict[str, Callable[[Any], Read]] = {
    "null": lambda schema: lambda raw, at: (None, at),
    "boolean": lambda schema: lambda raw, at: (raw[at] != 0, at + 1),
    "int": lambda schema: _long_at,
    "long": lambda schema: _long_at,
    "float": lambda schema: lambda raw, at: (_FLOAT.unpack_from(raw, at)[0], at + 4),
    "double": lambda schema: lambda raw, at: (_DOUBLE.unpack_from(raw, at)[0], at + 8),
    "bytes": lambda schema: _bytes_at,
    "string": lambda schema: _text_at,
    "enum": _enum,
    "fixed": _fixed,
}

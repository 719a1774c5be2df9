"""Avro of many records at once, field by field: where each begins is one array of numpy's.

To pass over a field of one record takes a step of Python; here it takes one for all of them. The
values are those of `avro_skip`, which reads the records whose bytes do not fit: then there is no
answer here, and neither is there for numbers of more than 63 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.codecs.contract import avro_skip
from transforms.codecs.contract.asked_for import Tree
from transforms.codecs.contract.avro_skip import Logical, Op, Unfit

Places = npt.NDArray[np.int64]
ReadAll = Callable[[Sequence[bytes], int], list[dict[str, Any]] | None]

# Behind the last record: arrays are read one byte beyond what is there, and that is thrown away.
_PADDING = b"\0" * 16
_VARINT_BYTES_MAX = 9


class _Bytes(NamedTuple):
    raw: bytes
    all: npt.NDArray[np.uint8]
    longest: int  # record, in bytes: no value of any is longer
    depth: int = 0  # of records that are passed over


# Reads a value of each record, and returns where the next ones begin.
_Read = Callable[[_Bytes, Places], tuple[Sequence[Any], Places]]


def reader(schema: Any, named: Mapping[str, Any], tree: Tree, logical: Logical) -> ReadAll | None:
    """Returns the function that reads records of a schema, None when only fastavro can.

    It takes payloads and how many bytes are in front of each; it returns None, or raises what
    avro_skip does, when the bytes are not of this schema.
    """
    compiler = _Compiler(named, logical)
    try:
        found = compiler.resolved(schema)
        if not isinstance(found, dict) or found.get("type") != "record":
            return None
        read = compiler.columns(found, tree, 0)
    except (Unfit, RecursionError):
        return None

    def read_all(payloads: Sequence[bytes], begin: int) -> list[dict[str, Any]] | None:
        raw = b"".join((*payloads, _PADDING))
        sizes = np.fromiter(map(len, payloads), np.int64, len(payloads))
        ends = np.cumsum(sizes)
        source = _Bytes(raw, np.frombuffer(raw, np.uint8), int(sizes.max()))
        starts = np.concatenate(([0], ends[:-1])) + begin
        values, at = read(source, starts)
        # Who has read into the next record does not end with its own.
        return list(values) if np.array_equal(at, ends) else None

    return read_all


class _Compiler(avro_skip.Compiler):
    def columns(self, schema: dict[str, Any], tree: Tree, depth: int) -> _Read:
        """Returns the function that reads the wanted fields of records."""
        if depth > avro_skip.DEPTH_MAX:
            raise Unfit
        parts: list[tuple[list[Op], _Read]] = []
        passed: list[Op] = []
        names = []
        for field in schema["fields"]:
            if field["name"] in tree:
                read = self._column(field["type"], tree[field["name"]], depth + 1)
                parts.append((avro_skip.merged(passed), read))
                names.append(field["name"])
                passed = []
            else:
                passed += self.skip(field["type"])
        rest = avro_skip.merged(passed)

        def read_records(source: _Bytes, at: Places) -> tuple[list[dict[str, Any]], Places]:
            columns = []
            for ops, read in parts:
                values, at = read(source, _pass_over(source, at, ops))
                columns.append(values)
            rows = zip(*columns, strict=True) if columns else [()] * len(at)
            return [dict(zip(names, row, strict=True)) for row in rows], _pass_over(
                source, at, rest
            )

        return read_records

    def _column(self, schema: Any, tree: Tree | None, depth: int) -> _Read:
        schema = self.resolved(schema)
        if isinstance(schema, list):
            return _of_union([self._column(each, tree, depth) for each in schema])
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind == "record" and tree is not None:
            return self.columns(schema, tree, depth)
        if kind not in _READ or (tree is not None and kind != "null"):
            return _one_by_one(self.value(schema, tree, depth))
        read = _READ[kind]
        name = f"{kind}-{schema.get('logicalType')}" if isinstance(schema, dict) else ""
        if name not in self.logical:
            return read
        convert = self.logical[name]

        def converted(source: _Bytes, at: Places) -> tuple[list[Any], Places]:
            values, at = read(source, at)
            return [convert(each, schema) for each in values], at

        return converted


def _one_by_one(read_one: avro_skip.Read) -> _Read:
    def read(source: _Bytes, at: Places) -> tuple[list[Any], Places]:
        found = [read_one(source.raw, each) for each in at.tolist()]
        return [value for value, _ in found], np.array([end for _, end in found], np.int64)

    return read


def _of_union(branches: list[_Read]) -> _Read:
    def read(source: _Bytes, at: Places) -> tuple[Sequence[Any], Places]:
        chosen, at = _sizes(source, at)
        if (chosen == chosen[0]).all():
            return branches[int(chosen[0])](source, at)
        values: list[Any] = [None] * len(at)
        for branch in np.unique(chosen).tolist():
            places = np.flatnonzero(chosen == branch)
            found, at[places] = branches[branch](source, at[places])
            for place, value in zip(places.tolist(), found, strict=True):
                values[place] = value
        return values, at

    return read


def _pass_over(source: _Bytes, at: Places, ops: list[Op]) -> Places:
    for kind, arg in ops:
        at = _PASS[kind](source, at, arg)
    return at


def _pass_number(source: _Bytes, at: Places, _: Any) -> Places:
    more = source.all[at] > 127
    at = at + 1
    for _ in range(_VARINT_BYTES_MAX):
        if not more.any():
            return at
        following = source.all[at] > 127
        at = at + more
        more &= following
    raise _too_long()


def _pass_sized(source: _Bytes, at: Places, _: Any) -> Places:
    sizes, at = _sizes(source, at)
    return at + sizes


def _pass_maybe(source: _Bytes, at: Places, null: int) -> Places:
    chosen = source.all[at]
    there = chosen != null
    at = at + 1
    if not there.any():
        return at
    if not (chosen[there] == 2 - null).all():
        raise IndexError("no such branch of a union")
    if there.all():
        return _pass_sized(source, at, None)
    at[there] = _pass_sized(source, at[there], None)
    return at


def _pass_union(source: _Bytes, at: Places, branches: Any) -> Places:
    chosen, at = _sizes(source, at)
    for branch in np.unique(chosen).tolist():
        places = np.flatnonzero(chosen == branch)
        at[places] = _pass_over(source, at[places], branches[branch])
    return at


def _pass_one_by_one(source: _Bytes, at: Places, arg: Any) -> Places:
    ops, ends = [(avro_skip.BLOCKS, arg)], []
    for begin in at.tolist():
        ends.append(avro_skip.pass_over(source.raw, begin, ops, source.depth))
        # One that goes on through other records is the last, or each of many would do so.
        if ends[-1] - begin > source.longest:
            raise IndexError("a block ends behind the record")
    return np.array(ends, np.int64)


def _pass_named(source: _Bytes, at: Places, ops: Any) -> Places:
    return _pass_over(source._replace(depth=avro_skip.deeper(source.depth)), at, ops)


_PASS: dict[int, Callable[[_Bytes, Places, Any], Places]] = {
    avro_skip.FIXED: lambda source, at, size: at + size,
    avro_skip.NUMBER: _pass_number,
    avro_skip.SIZED: _pass_sized,
    avro_skip.MAYBE: _pass_maybe,
    avro_skip.UNION: _pass_union,
    avro_skip.BLOCKS: _pass_one_by_one,
    avro_skip.NAMED: _pass_named,
}


def _too_long() -> Exception:
    return ValueError("a number of more than 63 bits")


def _longs(source: _Bytes, at: Places) -> tuple[Places, Places]:
    byte = source.all[at].astype(np.int64)
    at = at + 1
    value, more = byte & 0x7F, byte > 127
    for place in range(1, _VARINT_BYTES_MAX):
        if not more.any():
            break
        byte = source.all[at].astype(np.int64)
        value |= np.where(more, (byte & 0x7F) << (7 * place), 0)
        at = at + more
        more &= byte > 127
    if more.any():
        raise _too_long()
    return (value >> 1) ^ -(value & 1), at


def _sizes(source: _Bytes, at: Places) -> tuple[Places, Places]:
    first = source.all[at]
    if not (first & 0x81).any():
        return (first >> 1).astype(np.int64), at + 1
    sizes, at = _longs(source, at)
    if (sizes < 0).any():
        raise ValueError("a size below zero")
    return sizes, at


def _numbers(source: _Bytes, at: Places) -> tuple[list[int], Places]:
    values, at = _longs(source, at)
    return values.tolist(), at


def _slices(source: _Bytes, at: Places) -> tuple[list[bytes], Places]:
    sizes, at = _sizes(source, at)
    if sizes.max() > source.longest:
        raise IndexError("a value ends behind the record")
    ends = at + sizes
    raw = source.raw
    return [raw[a:b] for a, b in zip(at.tolist(), ends.tolist(), strict=True)], ends


def _texts(source: _Bytes, at: Places) -> tuple[list[str], Places]:
    slices, at = _slices(source, at)
    return list(map(bytes.decode, slices)), at


_READ: dict[str, _Read] = {
    "null": lambda source, at: ([None] * len(at), at),
    "int": _numbers,
    "long": _numbers,
    "bytes": _slices,
    "string": _texts,
}

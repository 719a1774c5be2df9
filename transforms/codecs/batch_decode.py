"""Decodes many records at once, with the very answers that `wire_format` gives each.

A batch is parsed as one JSON array and checked by the column. One that fails this is cut into
smaller batches, and single records use wire_format, which decides on everything unusual.
"""

from __future__ import annotations

import itertools
import operator
import re
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from transforms.codecs import wire_format
from transforms.payment.dead_letter import Rejected
from transforms.payment.fields import Declared
from transforms.payment.transaction import PAYLOAD, KafkaRecord, Transaction, of_values

# A batch that is not plain is tried again in so many parts: with one bad record in 300, which is
# more than a healthy topic has, nine of ten records are still decoded in company.
_PARTS = 8

# Between two payloads. Nobody outside this process knows it, so no payload can hold it: when it
# stands at every other place of the parsed array, each payload is one whole JSON value.
_FENCE = secrets.token_hex(16)
_SEPARATOR = b',"' + _FENCE.encode() + b'",'

_REQUIRED = tuple(each for each in PAYLOAD if each.required)
_OPTIONAL = tuple(each for each in PAYLOAD if not each.required)
_required_of = operator.itemgetter(*(each.column.name for each in _REQUIRED))
# What JSON has for a column.
_JSON_TYPES: dict[str, set[type]] = {"STRING": {str}, "INT64": {int}, "TIMESTAMP": {str}}
# The commonest of what wire_format takes. Checked in one pass over all, one to a line.
_EVENT_TIMES = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z\n)+", re.ASCII)


class Decoded(NamedTuple):
    """Records that hold a transaction, in their order, and those that hold none.

    Attributes:
        records, transactions: side by side.
        rejected: the others, each with the reason.
    """

    records: list[KafkaRecord]
    transactions: list[Transaction]
    rejected: list[tuple[KafkaRecord, Rejected]]


def decode(records: Sequence[KafkaRecord]) -> Decoded:
    """Returns what `wire_format.decode` says of each record."""
    plain = _plain(records)
    if plain is not None:
        return Decoded(list(records), plain, [])
    if len(records) == 1:
        return _alone(records[0])
    size = -(-len(records) // _PARTS)
    parts = [decode(records[at : at + size]) for at in range(0, len(records), size)]
    return Decoded(*(list(itertools.chain(*column)) for column in zip(*parts, strict=True)))


def _alone(record: KafkaRecord) -> Decoded:
    try:
        return Decoded([record], [wire_format.decode(record)], [])
    except Rejected as rejected:
        return Decoded([], [], [(record, rejected)])


def _plain(records: Sequence[KafkaRecord]) -> list[Transaction] | None:
    """Returns the transactions, None when any record needs a look of its own."""
    if not records:
        return []
    columns: Any = KafkaRecord._make(zip(*records, strict=True))
    headers = columns.replay_header
    # None is no replay header: that of a replay is checked by itself.
    objects = _parse(columns.payload) if headers.count(None) == len(headers) else None
    said = None if objects is None else _payments(objects)
    if said is None:
        return None
    payments: Any = Transaction(
        **said,
        topic=columns.topic,
        partition=columns.partition,
        offset=columns.offset,
        broker_time_us=columns.broker_time_us,
        replay_of=headers,
        extras=headers,  # none either
    )
    return list(map(of_values, zip(*payments, strict=True)))


def _payments(objects: Sequence[Any]) -> dict[str, Any] | None:
    """Returns the columns that the payloads say, by field; None when not all are plain."""
    try:
        columns: list[Sequence[Any]] = list(zip(*map(_required_of, objects), strict=True))
        for field in _OPTIONAL:
            name = field.column.name
            columns.append([fields.get(name) for fields in objects])
    except (KeyError, TypeError, AttributeError):  # a field is missing, or it is no object
        return None
    decoded: dict[str, Any] = {}
    for field, values in zip((*_REQUIRED, *_OPTIONAL), columns, strict=True):
        column = _column(field, values)
        if column is None:
            return None
        decoded[field.name] = column
    return decoded


def _parse(payloads: Sequence[bytes | None]) -> list[Any] | None:
    if None in payloads or max(map(len, payloads)) > wire_format.PAYLOAD_BYTES_MAX:  # type: ignore
        return None
    text = b"[" + _SEPARATOR.join(payloads) + b"]"  # type: ignore[arg-type]
    try:
        values = orjson.loads(text)
        # See wire_format: what is written back as it was read has no field twice.
        if orjson.dumps(values) != text:
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    fences = values[1::2]
    if len(values) != 2 * len(payloads) - 1 or fences.count(_FENCE) != len(fences):
        return None
    return values[::2]  # type: ignore[no-any-return]


def _column(field: Declared, values: Sequence[Any]) -> Sequence[Any] | None:
    """Returns the values of a field as a Transaction has them, None when not all are plain."""
    column, optional = field.column, not field.required
    allowed = _JSON_TYPES[column.type]
    if not set(map(type, values)) <= (allowed | {type(None)} if optional else allowed):
        return None
    if column.type != "TIMESTAMP":
        # As wire_format: rules bound the integer that is required.
        bounded = column.type != "INT64" or not optional or _are_bounded(values)
        return values if bounded else None
    return _optional_micros(values) if optional else micros(values)


def _are_bounded(values: Sequence[int | None]) -> bool:
    present = [each for each in values if each is not None]
    return not present or (
        min(present) >= wire_format.INTEGER_MIN and max(present) <= wire_format.INTEGER_MAX
    )


def _optional_micros(times: Sequence[str | None]) -> list[int | None] | None:
    present = [each for each in times if each is not None]
    found = micros(present) if present else []
    if found is None:
        return None
    following = iter(found)
    return [None if each is None else next(following) for each in times]


def micros(times: Sequence[str]) -> list[int] | None:
    """Returns times of RFC 3339 in UTC as microseconds, None when not all are plain."""
    text = "\n".join(times) + "\n"
    if text.count("\n") != len(times) or not _EVENT_TIMES.fullmatch(text):
        return None
    try:
        found = np.array([each[:-1] for each in times], "datetime64[us]").view(np.int64)
    except ValueError:  # a 30th of February
        return None
    # A year 0 is a time to numpy, but not to wire_format.
    return None if found.min() < 0 else found.tolist()

"""Decodes many records at once, with the very answers that `wire_format` gives each.

A batch is parsed as one JSON array and checked by the column. Whatever is not plain is cut into
smaller batches, and at last decoded alone: wire_format is what decides on everything unusual.
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
from transforms.payment.transaction import KafkaRecord, Transaction

# A batch that is not plain is tried again in so many parts: with one bad record in 300, which is
# more than a healthy topic has, nine of ten records are still decoded in company.
_PARTS = 8

# Between two payloads. Nobody outside this process knows it, so no payload can hold it: when it
# stands at every other place of the parsed array, each payload is one whole JSON value.
_FENCE = secrets.token_hex(16)
_SEPARATOR = b',"' + _FENCE.encode() + b'",'

_TEXTS = ("transaction_id", "account_id", "merchant_id", "payment_type", "currency", "event_time")
_required_of = operator.itemgetter(*_TEXTS, "amount_minor")
_STR, _INT, _STR_OR_NONE = {str}, {int}, {str, type(None)}
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
    topics, partitions, offsets, arrivals_us, _, payloads, headers = zip(*records, strict=True)
    # None is no replay header: that of a replay is checked by itself.
    objects = _parse(payloads) if headers.count(None) == len(headers) else None
    payments = None if objects is None else _payments(objects)
    if payments is None:
        return None
    lineage = (topics, partitions, offsets, arrivals_us, headers)
    return list(map(Transaction._make, zip(*payments, *lineage, strict=True)))


def _payments(objects: Sequence[Any]) -> tuple[Sequence[Any], ...] | None:
    """Returns the columns of Transaction that the payload says, None when not all are plain."""
    try:
        *texts, amounts = zip(*map(_required_of, objects), strict=True)
        countries = [fields.get("country") for fields in objects]
        devices = [fields.get("device_id") for fields in objects]
    except (KeyError, TypeError, AttributeError):  # a field is missing, or it is no object
        return None
    if not _typed(texts, amounts, (countries, devices)):
        return None
    ids, accounts, merchants, kinds, currencies, times = texts
    times_us = _micros(times)
    if times_us is None:
        return None
    return ids, accounts, merchants, kinds, amounts, currencies, times_us, countries, devices


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


def _typed(
    texts: Sequence[Sequence[Any]], amounts: Sequence[Any], optional: Sequence[Sequence[Any]]
) -> bool:
    return (
        all(set(map(type, column)) == _STR for column in texts)
        and set(map(type, amounts)) == _INT
        and all(set(map(type, column)) <= _STR_OR_NONE for column in optional)
    )


def _micros(times: Sequence[str]) -> list[int] | None:
    text = "\n".join(times) + "\n"
    if text.count("\n") != len(times) or not _EVENT_TIMES.fullmatch(text):
        return None
    try:
        micros = np.array([each[:-1] for each in times], "datetime64[us]").view(np.int64)
    except ValueError:  # a 30th of February
        return None
    # A year 0 is a time to numpy, but not to wire_format.
    return None if micros.min() < 0 else micros.tolist()

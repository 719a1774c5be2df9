"""Turns what the steps decided into columns of its table: lists in, one Arrow batch out.

Columns are made from columns: transaction.by_field gives a Transaction whose every field holds the
values of all payments. A row is never built. Which field ends in which column, and as what type,
is what the fields declare (payment/fields.py).
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
import operator
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.codecs.contract import extra_columns
from transforms.codecs.contract.language import Contract
from transforms.payment import rules
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.dedup_policy import FirstSeen
from transforms.payment.fields import Column, fields_of
from transforms.payment.fraud_rules import Features
from transforms.payment.minutes import MINUTE_US
from transforms.payment.skipped import SkippedRange
from transforms.payment.tables import (
    CONFLICTS,
    DEAD_LETTERS,
    DUPLICATES,
    FRAUD_INDICATORS,
    LATE_TRANSACTIONS,
    SKIPPED_RECORDS,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    Table,
)
from transforms.payment.transaction import ReplayOf, Transaction, by_field

# BigQuery's types in Arrow, from Google's page "Supported protocol buffer and Arrow data types".
# NUMERIC has 38 digits, 9 of them behind the point.
_NUMERIC_SCALE = 9
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.decimal128(38, _NUMERIC_SCALE),
    "TIMESTAMP": _TIMESTAMP,
    "BYTES": pa.binary(),
    "BOOL": pa.bool_(),
}
# From minor units of a currency to the integer that NUMERIC keeps.
_NUMERIC_PER_MINOR = {
    currency: 10 ** (_NUMERIC_SCALE - digits) for currency, digits in rules.MINOR_DIGITS.items()
}
# Amounts below this are multiplied in two halves of 32 bits without a carry out of 64.
_FAST_MINOR_MAX = 1 << 62

Columns = dict[str, pa.Array]


@dataclasses.dataclass(frozen=True)
class Encoder:
    """Makes Arrow batches of one table's rows.

    Attributes:
        table: where the rows end.
        columns_of: returns the columns of elements, but for those that all tables have in common.
    """

    table: Table
    columns_of: Callable[[Sequence[Any]], Columns]

    @functools.cached_property
    def schema(self) -> pa.Schema:
        """Returns the Arrow schema of a row, its columns in the order of the table's."""
        columns = self.table.columns
        return pa.schema(
            [pa.field(each.name, _TYPES[each.type], each.nullable) for each in columns]
        )

    def encode(self, elements: Sequence[Any], pipeline_version: str) -> pa.RecordBatch:
        """Returns the rows that hold these elements, at least one, in their order.

        Every row has `pipeline_version`, and the moment of this call.
        """
        count = len(elements)
        columns = self.columns_of(elements)
        columns["ingested_at"] = _repeat(int(time.time() * 1e6), pa.int64(), count).cast(_TIMESTAMP)
        columns["pipeline_version"] = _repeat(pipeline_version, pa.string(), count)
        schema = self.schema
        return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def numeric(amounts_minor: Sequence[int], currencies: Sequence[str]) -> pa.Array:
    """Returns amounts in major units of their currencies, exact: 1250 minor units EUR are 12.50.

    Raises:
        KeyError: a currency is not in ISO 4217.
        OverflowError: an amount has more than 128 bits.
    """
    factors = [_NUMERIC_PER_MINOR[each] for each in currencies]
    if min(amounts_minor) >= 0 and max(amounts_minor) < _FAST_MINOR_MAX:
        words = _products(np.array(amounts_minor, np.uint64), np.array(factors, np.uint64))
        content = words.tobytes()
    else:
        products = map(operator.mul, amounts_minor, factors)
        content = b"".join([each.to_bytes(16, "little", signed=True) for each in products])
    return pa.Array.from_buffers(_TYPES["NUMERIC"], len(factors), [None, pa.py_buffer(content)])


def _products(amounts: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns amount × factor as pairs of 64 bits, low first: amount < 2^62, factor < 2^30."""
    low_half = np.uint64(0xFFFF_FFFF)
    shift = np.uint64(32)
    lower = (amounts & low_half) * factors
    upper = (amounts >> shift) * factors + (lower >> shift)
    words = np.empty((len(amounts), 2), "<u8")
    words[:, 0] = (upper << shift) | (lower & low_half)
    words[:, 1] = upper >> shift
    return words


def _repeat(value: object, kind: pa.DataType, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), count)


def _strings(values: Sequence[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


def _integers(values: Sequence[int | None]) -> pa.Array:
    return pa.array(values, pa.int64())


def _floats(values: Sequence[float | None]) -> pa.Array:
    return pa.array(values, pa.float64())


def _timestamps(micros: Sequence[int | None]) -> pa.Array:
    return pa.array(micros, pa.int64()).cast(_TIMESTAMP)


def _amounts(minor: Sequence[int | None], currencies: Sequence[str]) -> pa.Array:
    """Returns amounts in major units, null where there is none."""
    if None not in minor:
        return numeric(minor, currencies)  # type: ignore[arg-type]
    absent = pa.array([each is None for each in minor])
    return pc.if_else(absent, None, numeric([each or 0 for each in minor], currencies))


_ARRAY_OF: dict[str, Callable[[Sequence[Any]], pa.Array]] = {
    "STRING": _strings,
    "INT64": _integers,
    "FLOAT64": _floats,
    "TIMESTAMP": _timestamps,
    "BYTES": lambda values: pa.array(values, pa.binary()),
    "BOOL": lambda values: pa.array(values, pa.bool_()),
}


def _declared(kind: Any, columns: Any, currencies: Sequence[str] = ()) -> Columns:
    """Returns the columns that the fields of `kind` declare, whose values `columns` holds.

    Args:
        currencies: of the amounts, where there are some.
    """
    arrays = {}
    for field in fields_of(kind):
        values, column = getattr(columns, field.name), field.column
        if column.type == "NUMERIC":
            arrays[column.name] = _amounts(values, currencies)
        else:
            arrays[column.name] = _ARRAY_OF[column.type](values)
    return arrays


def _or_none(kind: Any, rows: Sequence[tuple[Any, ...] | None]) -> Any:
    """Returns one `kind`, a NamedTuple, whose fields hold the values of all rows, or None."""
    none = (None,) * len(kind._fields)
    return kind._make(zip(*(each or none for each in rows), strict=True))


def _replays(replays: Sequence[ReplayOf | None]) -> Columns:
    if replays.count(None) == len(replays):  # nearly always
        return {
            each.column.name: pa.nulls(len(replays), _TYPES[each.column.type])
            for each in fields_of(ReplayOf)
        }
    return _declared(ReplayOf, _or_none(ReplayOf, replays))


def _firsts(firsts: Sequence[FirstSeen | None]) -> Columns:
    return _declared(FirstSeen, _or_none(FirstSeen, firsts))


def _payments(columns: Any) -> Columns:
    """Returns the columns of payments and their lineage, whose fields `columns` holds."""
    return _declared(Transaction, columns, columns.currency) | _replays(columns.replay_of)


def of_payments(payments: Sequence[Transaction]) -> Columns:
    """Returns the columns of accepted or late payments."""
    return _payments(by_field(payments))


def _of_copies(copies: Sequence[Any]) -> Columns:
    payments = by_field(each.transaction for each in copies)
    return _payments(payments) | _firsts([each.first for each in copies])


# The lineage of a dead letter has the columns of a payment's.
_LINEAGE = tuple(each for each in fields_of(Transaction) if each.name in DeadLetter._fields)


def _of_letters(letters: Sequence[DeadLetter]) -> Columns:
    columns = _or_none(DeadLetter, letters)
    lineage = {
        each.column.name: _ARRAY_OF[each.column.type](getattr(columns, each.name))
        for each in _LINEAGE
    }
    return _declared(DeadLetter, columns) | lineage | _replays(columns.replay_of)


def _of_ranges(ranges: Sequence[SkippedRange]) -> Columns:
    return _declared(SkippedRange, _or_none(SkippedRange, ranges))


def _of_totals(totals: Sequence[Any]) -> Columns:
    starts_us = [each.window_start_us for each in totals]
    currencies = [each.currency for each in totals]
    return {
        "window_start": _timestamps(starts_us),
        "window_end": _timestamps([each + MINUTE_US for each in starts_us]),
        "currency": _strings(currencies),
        "payment_count": _integers([each.payment_count for each in totals]),
        "amount": numeric([each.amount_minor for each in totals], currencies),
        "pane_timing": _strings([each.pane_timing for each in totals]),
        "pane_index": _integers([each.pane_index for each in totals]),
        "run_id": _strings([each.run_id for each in totals]),
    }


def _of_raised(raised: Sequence[Any]) -> Columns:
    payments = by_field(each.transaction for each in raised)
    features = _or_none(Features, [each.features for each in raised])  # a conflict has none
    return {
        "indicator": _strings([each.indicator.value for each in raised]),
        **_payments(payments),
        **_declared(Features, features, payments.currency),
        **_firsts([each.first for each in raised]),
    }


ENCODERS: dict[str, Encoder] = {
    table.name: Encoder(table, columns_of)
    for table, columns_of in (
        (TRANSACTIONS, of_payments),
        (LATE_TRANSACTIONS, of_payments),
        (DUPLICATES, _of_copies),
        (CONFLICTS, _of_copies),
        (DEAD_LETTERS, _of_letters),
        (SKIPPED_RECORDS, _of_ranges),
        (TOTALS_BY_MINUTE, _of_totals),
        (FRAUD_INDICATORS, _of_raised),
    )
}


@dataclasses.dataclass(frozen=True)
class _WithExtras:
    """Adds the columns of a contract to those of a table's elements, which hold payments."""

    columns_of: Callable[[Sequence[Any]], Columns]
    added: tuple[Column, ...]

    def __call__(self, elements: Sequence[Any]) -> Columns:
        columns = self.columns_of(elements)
        none = [None] * len(self.added)
        rows = []
        for each in elements:
            extras = each.extras if isinstance(each, Transaction) else each.transaction.extras
            rows.append(none if extras is None else extra_columns.unpacked(extras))
        for column, cells in zip(self.added, zip(*rows, strict=True), strict=True):
            columns[column.name] = _extra_cells(column, cells)
        return columns


def _extra_cells(column: Column, cells: Sequence[Any]) -> pa.Array:
    if column.type != "NUMERIC":
        return _ARRAY_OF[column.type](cells)
    decimals = [None if each is None else decimal.Decimal(each) for each in cells]
    return pa.array(decimals, _TYPES["NUMERIC"])


def encoders_of(contract: Contract) -> Mapping[str, Encoder]:
    """Returns the encoders of all tables, with the columns that a contract adds."""
    added = extra_columns.columns_of(contract)
    if not added:
        return ENCODERS
    plain = [each.table for each in ENCODERS.values()]
    return {
        table.name: Encoder(table, _WithExtras(ENCODERS[table.name].columns_of, added))
        if table.name in extra_columns.NAMES
        else ENCODERS[table.name]
        for table in extra_columns.with_columns(plain, contract)
    }


def weight_bytes(elements: Iterable[Any]) -> int:
    """Returns how many bytes of Kafka's records the elements carry: dead letters alone do."""
    return sum(
        len(each.payload or b"") + len(each.key or b"") + len(each.headers or "")
        for each in elements
        if isinstance(each, DeadLetter)
    )


def slices(batch: pa.RecordBatch, bytes_max: int) -> Iterator[pa.RecordBatch]:
    """Yields the rows in batches of at most `bytes_max` bytes, or of one row, in their order."""
    if batch.num_rows == 1 or batch.get_total_buffer_size() <= bytes_max:
        yield batch
        return
    half = batch.num_rows // 2
    for part in (batch.slice(0, half), batch.slice(half)):
        # A slice shares its buffers: taken for itself it is as large as its own rows.
        yield from slices(part.take(pa.array(range(part.num_rows))), bytes_max)

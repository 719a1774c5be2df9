"""Step 8: turns what a step decided into rows of the table where it ends."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Optional

import apache_beam as beam
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.utils.timestamp import Timestamp

from transforms.contract import rules
from transforms.contract.dead_letter import DeadLetter
from transforms.contract.dedup_policy import FirstSeen
from transforms.contract.fraud_rules import Features, Raised
from transforms.contract.minutes import MINUTE_US
from transforms.contract.table_schema import (
    CONFLICTS,
    DEAD_LETTERS,
    DUPLICATES,
    FRAUD_INDICATORS,
    LATE_TRANSACTIONS,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    Table,
)
from transforms.contract.transaction import Transaction

_PYTHON_TYPES: dict[str, Any] = {
    "STRING": str,
    "INT64": int,
    "FLOAT64": float,
    "NUMERIC": Decimal,
    "TIMESTAMP": Timestamp,
    "BYTES": bytes,
}


class FormatRow(beam.PTransform):
    """Formats what steps put out as rows that BigQuery takes.

    Input:      lists of Transaction (accepted, late), Copy (duplicates, conflicts), DeadLetter,
                MinuteTotal (totals_by_minute) or Raised (fraud_indicators).
    Output:     one row for each of them, with exactly the columns of `table`.
    """

    def __init__(self, table: Table, pipeline_version: str) -> None:
        super().__init__()
        self._table = table
        self._version = pipeline_version

    def expand(self, elements: beam.PCollection) -> beam.PCollection:
        """Returns the rows, typed by the table's schema."""
        return elements | "Format" >> beam.ParDo(
            _FormatFn(self._table, self._version)
        ).with_output_types(row_type(self._table))


def row_type(table: Table) -> RowTypeConstraint:
    """Returns the Beam type of a row of `table`."""
    fields = []
    for column in table.columns:
        python_type = _PYTHON_TYPES[column.type]
        fields.append((column.name, Optional[python_type] if column.nullable else python_type))  # noqa: UP045
    return RowTypeConstraint.from_fields(fields)


class _FormatFn(beam.DoFn):
    def __init__(self, table: Table, pipeline_version: str) -> None:
        self._table = table
        self._version = pipeline_version

    def setup(self) -> None:
        # Made here, since a class made at run time cannot be pickled with the step.
        self._row: Any = collections.namedtuple("_row", self._table.column_names)  # type: ignore
        self._values: Any = _VALUES_OF[self._table.name]

    def process(self, batch: list[Any]) -> list[Any]:
        row, values = self._row, self._values
        written = (Timestamp.of(time.time()), self._version)
        return [row._make(values(each) + written) for each in batch]


_Values = tuple[Any, ...]


def _payment(payment: Transaction) -> _Values:
    return (
        payment.transaction_id,
        payment.account_id,
        payment.merchant_id,
        payment.payment_type,
        rules.amount_of(payment.amount_minor, payment.currency),
        payment.amount_minor,
        payment.currency,
        Timestamp(micros=payment.event_time_us),
        payment.country,
        payment.device_id,
    )


def _lineage(carrier: Transaction | DeadLetter) -> _Values:
    replay_of = carrier.replay_of
    return (
        carrier.topic,
        carrier.partition,
        carrier.offset,
        Timestamp(micros=carrier.broker_time_us),
        *(
            (None, None, None, None)
            if replay_of is None
            else (
                replay_of.topic,
                replay_of.partition,
                replay_of.offset,
                Timestamp(micros=replay_of.original_time_us),
            )
        ),
    )


def _first(first: FirstSeen) -> _Values:
    return first.topic, first.partition, first.offset, Timestamp(micros=first.broker_time_us)


def _payment_values(payment: Transaction) -> _Values:
    return _payment(payment) + _lineage(payment)


def _copy_values(copy: Any) -> _Values:
    return _payment(copy.transaction) + _first(copy.first) + _lineage(copy.transaction)


def _dead_letter_values(letter: DeadLetter) -> _Values:
    values = (letter.reason, letter.detail, letter.step, letter.key, letter.payload)
    return values + _lineage(letter)


def _total_values(total: Any) -> _Values:
    return (
        Timestamp(micros=total.window_start_us),
        Timestamp(micros=total.window_start_us + MINUTE_US),
        total.currency,
        total.payment_count,
        rules.amount_of(total.amount_minor, total.currency),
        total.pane_timing,
        total.pane_index,
        total.run_id,
    )


def _raised_values(raised: Raised) -> _Values:
    payment = raised.transaction
    return (
        raised.indicator.value,
        *_payment(payment),
        *_features(raised.features, payment.currency),
        *((None,) * 4 if raised.first is None else _first(raised.first)),
        *_lineage(payment),
    )


def _features(features: Features | None, currency: str) -> _Values:
    if features is None:
        return (None,) * 12
    before_us = features.previous_event_time_us
    return (
        features.count_10min,
        rules.amount_of(features.amount_minor_10min, currency),
        features.count_1h,
        rules.amount_of(features.amount_minor_1h, currency),
        features.baseline.number,
        features.baseline.mean,
        features.baseline.stddev,
        features.z_score,
        features.small_count_10min,
        features.previous_country,
        None if before_us is None else Timestamp(micros=before_us),
        features.known_devices,
    )


_VALUES_OF: dict[str, Callable[[Any], _Values]] = {
    TRANSACTIONS.name: _payment_values,
    LATE_TRANSACTIONS.name: _payment_values,
    DUPLICATES.name: _copy_values,
    CONFLICTS.name: _copy_values,
    DEAD_LETTERS.name: _dead_letter_values,
    TOTALS_BY_MINUTE.name: _total_values,
    FRAUD_INDICATORS.name: _raised_values,
}

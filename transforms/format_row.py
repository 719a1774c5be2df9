"""Step 6: turns what a step decided into rows of the table where it ends."""

from __future__ import annotations

import collections
import time
from decimal import Decimal
from typing import Any, Optional

import apache_beam as beam
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.utils.timestamp import Timestamp

from transforms.contract import rules
from transforms.contract.dead_letter import DeadLetter
from transforms.contract.outcome import Outcome
from transforms.contract.table_schema import Table
from transforms.contract.transaction import Transaction

_PYTHON_TYPES: dict[str, Any] = {
    "STRING": str,
    "INT64": int,
    "NUMERIC": Decimal,
    "TIMESTAMP": Timestamp,
    "BYTES": bytes,
}


class FormatRow(beam.PTransform):
    """Formats Transaction, Copy or DeadLetter as rows that BigQuery takes.

    Input:      Transaction (accepted, late), Copy (duplicates, conflicts) or DeadLetter.
    Output:     one row per element, with exactly the columns of `table`.
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
        self._values: Any = _VALUES_OF[self._table.outcome]

    def process(self, element: Any) -> list[Any]:
        values, lineage = self._values(element)
        topic, partition, offset, broker_time_us = lineage
        return [
            self._row(
                *values,
                topic,
                partition,
                offset,
                Timestamp(micros=broker_time_us),
                Timestamp.of(time.time()),
                self._version,
            )
        ]


_Lineage = tuple[str, int, int, int]


def _payment_values(payment: Transaction) -> tuple[tuple[Any, ...], _Lineage]:
    values = (
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
    return values, (payment.topic, payment.partition, payment.offset, payment.broker_time_us)


def _copy_values(copy: Any) -> tuple[tuple[Any, ...], _Lineage]:
    values, lineage = _payment_values(copy.transaction)
    first = copy.first
    first_time = Timestamp(micros=first.broker_time_us)
    return (*values, first.topic, first.partition, first.offset, first_time), lineage


def _dead_letter_values(letter: DeadLetter) -> tuple[tuple[Any, ...], _Lineage]:
    values = (letter.reason, letter.detail, letter.step, letter.key, letter.payload)
    return values, (letter.topic, letter.partition, letter.offset, letter.broker_time_us)


_VALUES_OF = {
    Outcome.ACCEPTED: _payment_values,
    Outcome.LATE: _payment_values,
    Outcome.DUPLICATE: _copy_values,
    Outcome.CONFLICT: _copy_values,
    Outcome.INVALID: _dead_letter_values,
}

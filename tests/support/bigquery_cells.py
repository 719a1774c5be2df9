"""Rows of the reconciliation as cells that BigQuery's API takes."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from operations.reconcile import rows as reconciled
from tests.support.sql_history import Row
from transforms.codecs import wire_format
from transforms.payment import minutes
from transforms.payment.outcome import Outcome
from transforms.payment.tables import DEAD_LETTERS, OUTCOME_TABLES, SKIPPED_RECORDS
from transforms.payment.transaction import PAYLOAD, Transaction

_TABLES = {table.outcome: table.name for table in OUTCOME_TABLES}
_WRITTEN = {"ingested_at": "2026-01-01T00:00:00Z", "pipeline_version": "1.0"}


def cells_of(row: reconciled.Row) -> Row:
    """Returns the row as its table takes it."""
    if isinstance(row, reconciled.SkippedRow):
        return Row(SKIPPED_RECORDS.name, _range(row) | _WRITTEN)
    if isinstance(row, reconciled.DeadLetterRow):
        bytes_of = {
            name: None if value is None else base64.b64encode(value).decode()
            for name, value in (("key", row.key), ("payload", row.payload))
        }
        told = {"reason": row.reason, "detail": "-", "step": "-", **bytes_of}
        told["headers"] = row.headers
        return Row(DEAD_LETTERS.name, told | _place(row.place, row.broker_time_us) | _WRITTEN)
    cells = _payment(row.transaction, row.amount) | _WRITTEN
    cells |= _place(row.place, row.transaction.broker_time_us)
    if row.first is not None:
        names = ("first_topic", "first_partition", "first_offset")
        cells |= dict(zip(names, row.first.place, strict=True))
        cells["first_broker_time"] = wire_format.event_time_text(row.first.broker_time_us)
    return Row(_TABLES[row.outcome], cells)


def _range(row: reconciled.SkippedRow) -> dict[str, Any]:
    span = row.span
    return {
        "kafka_topic": row.place.topic,
        "kafka_partition": row.place.partition,
        "first_offset": row.place.offset,
        "last_offset": span.last_offset,
        "rule": span.rule,
        "record_count": span.record_count,
        "broker_time": wire_format.event_time_text(span.broker_time_us),
        "last_broker_time": wire_format.event_time_text(span.last_broker_time_us),
    }


def _place(place: Any, broker_time_us: int) -> dict[str, Any]:
    names = ("kafka_topic", "kafka_partition", "kafka_offset")
    cells = dict(zip(names, place, strict=True))
    return cells | {"broker_time": wire_format.event_time_text(broker_time_us)}


def _payment(paid: Transaction, amount: Decimal) -> dict[str, Any]:
    cells = {each.column.name: getattr(paid, each.name) for each in PAYLOAD}
    moment = wire_format.event_time_text(paid.event_time_us)
    return cells | {"event_time": moment, "amount": str(amount)}


def totals_of(rows: Iterable[reconciled.Row]) -> list[Row]:
    """Returns the totals of the minutes of the accepted rows, one pane each."""
    amounts: dict[tuple[int, str], list[Decimal]] = defaultdict(list)
    for row in rows:
        if isinstance(row, reconciled.PaymentRow) and row.outcome is Outcome.ACCEPTED:
            paid = row.transaction
            amounts[minutes.minute_of(paid.event_time_us), paid.currency].append(row.amount)
    return [
        Row(
            "totals_by_minute",
            {
                "window_start": wire_format.event_time_text(minute_us),
                "window_end": wire_format.event_time_text(minute_us + minutes.MINUTE_US),
                "currency": currency,
                "payment_count": len(summed),
                "amount": str(sum(summed)),
                "pane_timing": "on_time",
                "pane_index": 0,
                "run_id": "run-1",
                **_WRITTEN,
            },
        )
        for (minute_us, currency), summed in amounts.items()
    ]

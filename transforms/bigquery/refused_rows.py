"""Finds rows that BigQuery refuses, takes them out, and keeps them as dead letters."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pyarrow as pa

from transforms.bigquery.append_connection import Part
from transforms.bigquery.errors import RefusedRow
from transforms.payment.dead_letter import DETAIL_CHARS_MAX, DeadLetter, Reason
from transforms.payment.tables import CONFLICTS, DUPLICATES, LATE_TRANSACTIONS, TRANSACTIONS
from transforms.payment.transaction import ReplayOf

# Their records can end as dead letters instead. Of the others, a dead letter has nowhere else to
# go, and a total or an indicator is no record.
_MAY_BE_LETTERS = frozenset(
    table.name for table in (TRANSACTIONS, DUPLICATES, CONFLICTS, LATE_TRANSACTIONS)
)
# What a log may name of a row: never what was paid by whom.
_HARMLESS = ("kafka_topic", "kafka_partition", "kafka_offset", "window_start", "currency")


def halves(part: Part, schema: pa.Schema) -> list[Part]:
    """Returns the rows of a part in two parts."""
    batch = _batch(part, schema)
    middle = part.rows // 2
    return [_part(part.table, batch.slice(0, middle)), _part(part.table, batch.slice(middle))]


def without(part: Part, schema: pa.Schema, places: Collection[int]) -> list[Part]:
    """Returns the rows of a part but those at these places: one part, or none."""
    kept = [place for place in range(part.rows) if place not in places]
    if not kept:
        return []
    return [_part(part.table, _batch(part, schema).take(pa.array(kept, pa.int64())))]


def letters(part: Part, schema: pa.Schema, refused: dict[int, str]) -> list[DeadLetter]:
    """Returns the dead letters of refused rows; the payload of each is the row as JSON.

    Args:
        part: the rows.
        schema: of the rows.
        refused: what BigQuery said of those that it refused, by their place.

    Raises:
        RefusedRow: they are of a table whose rows nothing else can hold.
    """
    batch = _batch(part, schema)
    rows = {place: batch.slice(place, 1).to_pylist()[0] for place in refused}
    if part.table not in _MAY_BE_LETTERS:
        place, message = next(iter(refused.items()))
        known = {name: str(rows[place][name]) for name in _HARMLESS if name in rows[place]}
        raise RefusedRow(
            f"BigQuery refused a row of {part.table}, {known}: {message[:DETAIL_CHARS_MAX]}. Hint: "
            "nothing else can hold it, so the job stops; has the table been changed?"
        )
    return [_letter(rows[place], message) for place, message in refused.items()]


def _letter(row: dict[str, Any], message: str) -> DeadLetter:
    return DeadLetter(
        topic=row["kafka_topic"],
        partition=row["kafka_partition"],
        offset=row["kafka_offset"],
        broker_time_us=_micros(row["broker_time"]),
        key=None,
        payload=json.dumps(row, default=str).encode(),
        reason=Reason.REFUSED_BY_BIGQUERY.value,
        detail=message[:DETAIL_CHARS_MAX],
        step="WriteBigQuery",
        replay_of=_replay_of(row),
    )


def _replay_of(row: dict[str, Any]) -> ReplayOf | None:
    if row["replay_of_topic"] is None:
        return None
    return ReplayOf(
        row["replay_of_topic"],
        row["replay_of_partition"],
        row["replay_of_offset"],
        _micros(row["original_time"]),
    )


def _micros(moment: Any) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", tz="UTC")).value)


def _batch(part: Part, schema: pa.Schema) -> pa.RecordBatch:
    return pa.ipc.read_record_batch(pa.py_buffer(part.batch), schema)


def _part(table: str, batch: pa.RecordBatch) -> Part:
    return Part(table, batch.num_rows, batch.serialize().to_pybytes())

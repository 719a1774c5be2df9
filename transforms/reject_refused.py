"""Step 10: what BigQuery refused becomes a dead letter, or stops the job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from transforms import metrics
from transforms.contract.dead_letter import DETAIL_CHARS_MAX, DeadLetter, Reason
from transforms.contract.transaction import ReplayOf


class RefusedRow(RuntimeError):
    """BigQuery refused a row that has no other table to go to."""


class RejectRefused(beam.PTransform):
    """Keeps rows that BigQuery refused.

    Input:      elements with `failed_row` (a row with lineage columns) and `error_message`.
    Output:     [DeadLetter], the payload being the refused row as JSON.
    Limit:      the id of a refused transaction stays remembered, so its corrected copy would be a
                duplicate. ValidateTransaction checks all that BigQuery checks: any element here is
                a bug, and an alert.
    """

    def expand(self, refused: beam.PCollection[Any]) -> beam.PCollection[list[DeadLetter]]:
        """Returns one dead letter per refused row."""
        return refused | "ToDeadLetter" >> beam.ParDo(_ToDeadLetterFn()).with_output_types(
            list[DeadLetter]
        )


class StopOnRefused(beam.PTransform):
    """Fails the job on a refused row of a table whose rows nothing else can hold."""

    def expand(self, refused: beam.PCollection[Any]) -> beam.PCollection[None]:
        """Returns nothing; raises RefusedRow at the first element."""
        return refused | "Stop" >> beam.Map(_stop)


class _ToDeadLetterFn(beam.DoFn):
    def __init__(self) -> None:
        self._invalid = metrics.counter("records_invalid")

    def process(self, element: Any) -> Iterator[list[DeadLetter]]:
        self._invalid.inc()
        row = element.failed_row
        letter = DeadLetter(
            topic=row.kafka_topic,
            partition=row.kafka_partition,
            offset=row.kafka_offset,
            broker_time_us=row.broker_time.micros,
            key=None,
            payload=json.dumps(row._asdict(), default=str).encode(),
            reason=Reason.REFUSED_BY_BIGQUERY.value,
            detail=element.error_message[:DETAIL_CHARS_MAX],
            step="WriteBigQuery",
            replay_of=_replay_of(row),
        )
        yield [letter]


def _replay_of(row: Any) -> ReplayOf | None:
    if row.replay_of_topic is None:
        return None
    return ReplayOf(
        row.replay_of_topic,
        row.replay_of_partition,
        row.replay_of_offset,
        row.original_time.micros,
    )


def _stop(element: Any) -> None:
    # The payload of a dead letter is a payment, perhaps: no place for it in a log.
    row = {
        name: value
        for name, value in element.failed_row._asdict().items()
        if name.startswith("kafka_") or name in ("window_start", "currency", "indicator")
    }
    raise RefusedRow(f"BigQuery refused {row}: {element.error_message[:DETAIL_CHARS_MAX]}")

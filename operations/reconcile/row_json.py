"""Says in SQL how a row is written as one JSON object, so that it comes back exact."""

from __future__ import annotations

from collections.abc import Sequence

from transforms.payment.fields import Column
from transforms.payment.outcome import Outcome

# How a column is written into JSON so that it comes back exact: a NUMERIC as text, a TIMESTAMP as
# microseconds since the epoch, bytes as base64.
_JSON_VALUE = {
    "NUMERIC": "CAST({name} AS STRING)",
    "TIMESTAMP": "UNIX_MICROS({name})",
    "BYTES": "TO_BASE64({name})",
}
# What the pipeline adds, and Kafka cannot know.
_NOT_COMPARED = {"ingested_at", "pipeline_version", "detail", "step"}


def columns_of(outcome: Outcome, columns: Sequence[Column]) -> str:
    """Returns what a SELECT says of each column, between commas."""
    values = [f"'{outcome.value}' AS outcome"] + [
        f"{_JSON_VALUE.get(column.type, '{name}').format(name=column.name)} AS {column.name}"
        for column in columns
        if column.name not in _NOT_COMPARED
    ]
    return ", ".join(values)

"""Asks the tables how far they reach, how fresh they are, and how much of it is invalid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from operations import bigquery_client
from operations.errors import CannotCheck
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import OffsetRange, Partition
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES

# A partition of a topic that was quiet for longer is looked for in all that there is.
_DAYS = 2
# As LimitDeadLetters has it: of fewer records a share says nothing.
_FEW = 100


class TableHealth(NamedTuple):
    """How the tables are.

    Attributes:
        reach: one beyond the highest offset, of each partition that they hold a record of.
        newest_row_age_sec: since the newest record in them arrived at Kafka; None without any.
        recent: records that arrived within the window, by outcome.
    """

    reach: Mapping[Partition, int]
    newest_row_age_sec: float | None
    recent: Mapping[Outcome, int]

    @property
    def dead_letter_ratio(self) -> float:
        """Returns the share of invalid records among the recent ones; 0 while these are few."""
        records = sum(self.recent.values())
        return self.recent.get(Outcome.INVALID, 0) / records if records >= _FEW else 0.0


def table_health(
    dataset: Dataset,
    ranges: Sequence[OffsetRange] | None,
    window_sec: int,
    topics: Sequence[str] = (),
) -> TableHealth:
    """Asks the outcome tables, the partitions of the last days first: a probe must be cheap.

    Args:
        ranges: what the topics hold; None when Kafka does not tell.
        topics: asked for instead, then.

    Raises:
        CannotCheck: BigQuery does not answer, or a table is missing.
    """
    where = f"{dataset.project}.{dataset.name}"
    with bigquery_client.errors(CannotCheck, where, dataset.endpoint):
        client = bigquery_client.connect(dataset.project, dataset.endpoint)
        sought = _partitions(ranges) if ranges is not None else _topics(topics)
        rows = list(bigquery_client.rows(client, _sql(where, sought, window_sec, _DAYS)))
        found = {(topic, partition) for _, topic, partition, *_ in rows}
        quiet = [
            span
            for span in ranges or ()
            if span.end > span.start and (span.topic, span.partition) not in found
        ]
        if quiet:
            sought = _partitions(quiet)
            rows += bigquery_client.rows(client, _sql(where, sought, window_sec, None))
    reach: dict[Partition, int] = {}
    recent: dict[Outcome, int] = {}
    for outcome, topic, partition, end, _, count in rows:
        reach[topic, partition] = max(end, reach.get((topic, partition), 0))
        recent[Outcome(outcome)] = recent.get(Outcome(outcome), 0) + count
    newest = max((row[4] for row in rows), default=None)
    age_sec = None if newest is None else (dt.datetime.now(dt.UTC) - newest).total_seconds()
    return TableHealth(reach, age_sec, recent)


def _partitions(ranges: Sequence[OffsetRange]) -> str:
    places = ", ".join(f"'{span.topic}/{span.partition}'" for span in ranges)
    return f"CONCAT(kafka_topic, '/', CAST(kafka_partition AS STRING)) IN ({places})"


def _topics(topics: Sequence[str]) -> str:
    return f"kafka_topic IN ({', '.join(repr(topic) for topic in topics)})"


def _sql(where: str, sought: str, window_sec: int, days: int | None) -> str:
    union = " UNION ALL ".join(
        f"SELECT '{table.outcome.value}' AS outcome, kafka_topic, kafka_partition, kafka_offset, "
        f"broker_time FROM `{where}.{table.name}`"
        + (f" WHERE {table.partition_by} > {_ago(f'{days} DAY')}" if days else "")
        for table in OUTCOME_TABLES
    )
    return (
        "SELECT outcome, kafka_topic, kafka_partition, MAX(kafka_offset) + 1, MAX(broker_time), "
        f"COUNTIF(broker_time > {_ago(f'{window_sec} SECOND')}) FROM ({union}) "
        f"WHERE {sought} "
        "GROUP BY outcome, kafka_topic, kafka_partition"
    )


def _ago(interval: str) -> str:
    return f"TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {interval})"

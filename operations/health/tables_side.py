"""Asks the tables how far they reach, how fresh they are, and how much of it is invalid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from operations import bigquery_client
from operations.errors import CannotCheck
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import OffsetRange, Partition
from transforms.payment.outcome import Outcome
from transforms.payment.tables import DEAD_LETTERS, OUTCOME_TABLES, SKIPPED_RECORDS, Table

# A partition of a topic that was quiet for longer is looked for in all that there is.
RECENT_SEC = 2 * 86_400
# As LimitDeadLetters has it: of fewer records a share says nothing.
_FEW = 100


class TableHealth(NamedTuple):
    """How the tables are.

    Attributes:
        reach: one beyond the highest offset, of each partition that they hold a record of.
        newest_row_age_sec: since the newest record in them arrived at Kafka; None without any.
        recent: records that arrived within the window, by outcome.
        newest: when the newest record of each of these partitions arrived.
    """

    reach: Mapping[Partition, int]
    newest_row_age_sec: float | None
    recent: Mapping[Outcome, int]
    newest: Mapping[Partition, dt.datetime] = MappingProxyType({})

    @property
    def duplicate_ratio(self) -> float:
        """Returns the share of copies, as the view duplicate_rate has it; 0 without records."""
        seen = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT)
        records = sum(self.recent.get(outcome, 0) for outcome in seen)
        return self.recent.get(Outcome.DUPLICATE, 0) / records if records else 0.0

    @property
    def dead_letter_ratio(self) -> float:
        """Returns the share of invalid records among the recent ones; 0 while these are few.

        What a contract skips is not judged, so it is not counted.
        """
        records = sum(self.recent.values()) - self.recent.get(Outcome.SKIPPED, 0)
        return self.recent.get(Outcome.INVALID, 0) / records if records >= _FEW else 0.0


def table_health(
    dataset: Dataset,
    ranges: Sequence[OffsetRange] | None,
    window_sec: int,
    topics: Sequence[str] = (),
    *,
    recent_sec: int = RECENT_SEC,
    known: Collection[Partition] = (),
) -> TableHealth:
    """Asks the outcome tables, the partitions of the last days first: a probe must be cheap.

    Args:
        ranges: what the topics hold; None when Kafka does not tell.
        topics: asked for instead, then.
        recent_sec: only rows of this age are read at first.
        known: of these nothing older is asked for: the caller knows it.

    Raises:
        CannotCheck: BigQuery does not answer, or a table is missing.
    """
    where = f"{dataset.project}.{dataset.name}"
    with bigquery_client.errors(CannotCheck, where, dataset.endpoint):
        client = bigquery_client.connect(dataset.project, dataset.endpoint)
        sought = _partitions(ranges) if ranges is not None else _topics(topics)
        rows = list(bigquery_client.rows(client, _sql(where, sought, window_sec, recent_sec)))
        found = {(topic, partition) for _, topic, partition, *_ in rows}
        quiet = [
            span
            for span in ranges or ()
            if span.end > span.start and (span.topic, span.partition) not in {*found, *known}
        ]
        if quiet:
            sought = _partitions(quiet)
            rows += bigquery_client.rows(client, _sql(where, sought, window_sec, None))
    reach: dict[Partition, int] = {}
    recent: dict[Outcome, int] = {}
    newest: dict[Partition, dt.datetime] = {}
    for outcome, topic, partition, end, arrival, count in rows:
        pair = topic, partition
        reach[pair] = max(end, reach.get(pair, 0))
        recent[Outcome(outcome)] = recent.get(Outcome(outcome), 0) + int(count)
        newest[pair] = max(arrival, newest.get(pair, arrival))
    return TableHealth(reach, age_sec(newest), recent, newest)


def age_sec(newest: Mapping[Partition, dt.datetime]) -> float | None:
    """Returns how long ago the newest record of all arrived; None without any."""
    arrival = max(newest.values(), default=None)
    return None if arrival is None else (dt.datetime.now(dt.UTC) - arrival).total_seconds()


def recent_reasons(dataset: Dataset, topics: Sequence[str], window_sec: int) -> dict[str, int]:
    """Returns how many dead letters arrived within the window, by reason.

    Raises:
        CannotCheck: BigQuery does not answer, or the table is missing.
    """
    where = f"{dataset.project}.{dataset.name}"
    sql = (
        f"SELECT reason, COUNT(*) FROM `{where}.{DEAD_LETTERS.name}` "
        f"WHERE {_topics(topics)} AND broker_time > {_ago(window_sec)} GROUP BY reason"
    )
    with bigquery_client.errors(CannotCheck, where, dataset.endpoint):
        client = bigquery_client.connect(dataset.project, dataset.endpoint)
        return {reason: count for reason, count in bigquery_client.rows(client, sql)}


def _partitions(ranges: Sequence[OffsetRange]) -> str:
    places = ", ".join(f"'{span.topic}/{span.partition}'" for span in ranges)
    return f"CONCAT(kafka_topic, '/', CAST(kafka_partition AS STRING)) IN ({places})"


def _topics(topics: Sequence[str]) -> str:
    return f"kafka_topic IN ({', '.join(repr(topic) for topic in topics)})"


def _sql(where: str, sought: str, window_sec: int, recent_sec: int | None) -> str:
    def recent(table: Table) -> str:
        # A range begins and ends in one batch: no day lies between.
        return f" WHERE {table.partition_by} > {_ago(recent_sec)}" if recent_sec else ""

    union = " UNION ALL ".join(
        f"SELECT '{table.outcome.value}' AS outcome, kafka_topic, kafka_partition, kafka_offset, "
        f"broker_time, 1 AS records FROM `{where}.{table.name}`{recent(table)}"
        for table in OUTCOME_TABLES
    )
    union += (
        f" UNION ALL SELECT '{SKIPPED_RECORDS.outcome.value}', kafka_topic, kafka_partition, "
        "last_offset, last_broker_time, record_count "
        f"FROM `{where}.{SKIPPED_RECORDS.name}`{recent(SKIPPED_RECORDS)}"
    )
    return (
        "SELECT outcome, kafka_topic, kafka_partition, MAX(kafka_offset) + 1, MAX(broker_time), "
        f"SUM(IF(broker_time > {_ago(window_sec)}, records, 0)) FROM ({union}) "
        f"WHERE {sought} "
        "GROUP BY outcome, kafka_topic, kafka_partition"
    )


def _ago(seconds: int) -> str:
    return f"TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {seconds} SECOND)"

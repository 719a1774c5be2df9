"""Reads what the tables hold of the topics, and repairs it before another job resumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from operations import bigquery_client
from operations.errors import CannotStart
from operations.reconcile.bigquery_side import NEWEST_TOTALS
from transforms.bigquery.sink import BigQuerySink
from transforms.payment.cells import REQUIRED, columns_for, made_of, selected
from transforms.payment.tables import (
    CONFLICTS,
    DUPLICATES,
    FRAUD_INDICATORS,
    OUTCOME_TABLES,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    Table,
)
from transforms.payment.transaction import PAYLOAD, Transaction
from transforms.read_kafka import OffsetRange

Partition = tuple[str, int]

# What a payment cannot do without, and all that a contract may name as facts.
_REMEMBERED = (*REQUIRED, *(each.name for each in PAYLOAD if each.name not in REQUIRED))
_payment = made_of(_REMEMBERED)

# What the accepted payments of each minute add up to, less what the totals say: the sums of a job
# that was lost between writing one and the other.
_CORRECTIONS = """
INSERT INTO {totals} (window_start, window_end, currency, payment_count, amount, pane_timing,
  pane_index, run_id, ingested_at, pipeline_version)
WITH {newest}, parts AS (
  SELECT TIMESTAMP_TRUNC(event_time, MINUTE) AS window_start, currency, 1 AS payment_count, amount
  FROM {transactions}
  UNION ALL
  SELECT window_start, currency, -payment_count, -amount FROM newest
), differences AS (
  SELECT window_start, currency, SUM(payment_count) AS payment_count, SUM(amount) AS amount
  FROM parts GROUP BY window_start, currency
)
SELECT window_start, TIMESTAMP_ADD(window_start, INTERVAL 1 MINUTE), currency, payment_count,
  amount, 'correction', 0, '{run_id}', CURRENT_TIMESTAMP(), '{version}'
FROM differences WHERE payment_count <> 0 OR amount <> 0
"""

# Indicators of payments that the lost job had not written yet: the next one raises them anew.
_ORPHANS = """
DELETE FROM {indicators} WHERE CONCAT(
  kafka_topic, '/', CAST(kafka_partition AS STRING), '/', CAST(kafka_offset AS STRING)
) NOT IN (
  SELECT CONCAT(
    kafka_topic, '/', CAST(kafka_partition AS STRING), '/', CAST(kafka_offset AS STRING)
  ) FROM ({places})
)
"""


class Held(NamedTuple):
    """What the tables hold of a partition."""

    records: int
    end: int  # one beyond the highest offset


class HeldTables:
    """The tables that a job is to resume with. Every method raises CannotStart."""

    def __init__(self, sink: BigQuerySink, endpoint: str | None) -> None:
        self._sink = sink
        self._endpoint = endpoint
        with bigquery_client.errors(CannotStart, self.name, endpoint):
            self._client = bigquery_client.connect(sink.project, endpoint)

    @property
    def name(self) -> str:
        """Returns PROJECT.DATASET."""
        return f"{self._sink.project}.{self._sink.dataset}"

    def held(self, topics: Sequence[str]) -> dict[Partition, Held]:
        """Returns how far the tables reach, for each partition that they hold a record of."""
        sql = (
            "SELECT kafka_topic, kafka_partition, COUNT(*), MAX(kafka_offset) + 1 "
            f"FROM ({self._places(OUTCOME_TABLES)}) WHERE kafka_topic IN ({_texts(topics)}) "
            "GROUP BY kafka_topic, kafka_partition"
        )
        return {
            (topic, partition): Held(records, end)
            for topic, partition, records, end in self._query(sql)
        }

    def covered(self, ranges: Iterable[OffsetRange]) -> list[OffsetRange]:
        """Returns which offsets of `ranges` the tables hold, as ranges without gaps, in order."""
        within = " OR ".join(
            f"(kafka_topic = '{span.topic}' AND kafka_partition = {span.partition} "
            f"AND kafka_offset >= {span.start} AND kafka_offset < {span.end})"
            for span in ranges
        )
        # In a run of offsets without a gap, offset and row number grow together.
        sql = (
            "SELECT kafka_topic, kafka_partition, MIN(kafka_offset), MAX(kafka_offset) + 1 FROM ("
            "SELECT kafka_topic, kafka_partition, kafka_offset, kafka_offset - ROW_NUMBER() OVER ("
            "PARTITION BY kafka_topic, kafka_partition ORDER BY kafka_offset) AS island FROM ("
            f"SELECT DISTINCT * FROM ({self._places(OUTCOME_TABLES)}) WHERE {within})) "
            "GROUP BY kafka_topic, kafka_partition, island ORDER BY 1, 2, 3"
        )
        return [OffsetRange(*cells) for cells in self._query(sql)]

    def newest_row(self) -> tuple[float, int]:
        """Returns how many seconds ago the newest row was formatted (inf: none), and all rows."""
        union = " UNION ALL ".join(
            f"SELECT ingested_at FROM {self._table(table)}" for table in OUTCOME_TABLES
        )
        [[age_ms, count]] = self._query(
            "SELECT TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), MAX(ingested_at), MILLISECOND), COUNT(*) "
            f"FROM ({union})"
        )
        return (float("inf") if age_ms is None else age_ms / 1_000), count

    def newest_arrival_us(self, topics: Sequence[str]) -> int | None:
        """Returns when the newest record arrived, None when there is none."""
        union = " UNION ALL ".join(
            f"SELECT kafka_topic, broker_time FROM {self._table(table)}" for table in OUTCOME_TABLES
        )
        sql = (
            f"SELECT UNIX_MICROS(MAX(broker_time)) FROM ({union}) "
            f"WHERE kafka_topic IN ({_texts(topics)})"
        )
        [[newest]] = self._query(sql)
        return None if newest is None else int(newest)

    def payments(self, since_us: int) -> Iterator[Transaction]:
        """Returns the accepted payments that arrived since then."""
        sql = (
            f"SELECT {selected(columns_for(_REMEMBERED))} FROM {self._table(TRANSACTIONS)} "
            f"WHERE broker_time >= TIMESTAMP_MICROS({since_us})"
        )
        return map(_payment, self._query(sql))

    def named_as_first(self, since_us: int) -> list[tuple[str, int, int]]:
        """Returns the places that copies name as accepted, of records that arrived since then."""
        union = " UNION ALL ".join(
            "SELECT first_topic, first_partition, first_offset "
            f"FROM {self._table(table)} WHERE first_broker_time >= TIMESTAMP_MICROS({since_us})"
            for table in (DUPLICATES, CONFLICTS)
        )
        return [(t, p, o) for t, p, o in self._query(f"SELECT DISTINCT * FROM ({union})")]

    def correct_totals(self, run_id: str, version: str) -> None:
        """Adds to the totals by minute the payments that are missing from them."""
        self._change(
            _CORRECTIONS.format(
                newest=NEWEST_TOTALS.format(totals=self._table(TOTALS_BY_MINUTE)),
                totals=self._table(TOTALS_BY_MINUTE),
                transactions=self._table(TRANSACTIONS),
                run_id=run_id,
                version=version,
            )
        )

    def drop_orphaned_indicators(self) -> None:
        """Deletes fraud indicators whose payment is in no table."""
        places = self._places((TRANSACTIONS, CONFLICTS))
        self._change(_ORPHANS.format(indicators=self._table(FRAUD_INDICATORS), places=places))

    def _places(self, tables: Iterable[Table]) -> str:
        return " UNION ALL ".join(
            f"SELECT kafka_topic, kafka_partition, kafka_offset FROM {self._table(table)}"
            for table in tables
        )

    def _table(self, table: Table) -> str:
        return f"`{self.name}.{table.name}`"

    def _change(self, sql: str) -> None:
        for _ in self._query(sql):
            pass

    def _query(self, sql: str) -> Iterator[Sequence[Any]]:
        with bigquery_client.errors(CannotStart, self.name, self._endpoint):
            yield from bigquery_client.rows(self._client, sql)


def _texts(topics: Sequence[str]) -> str:
    """Returns a list for SQL; names are checked (flag_types.py): letters, digits and ._- only."""
    return ", ".join(f"'{topic}'" for topic in topics)

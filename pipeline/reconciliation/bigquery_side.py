"""What is in the tables? Few queries, in SQL that Google's BigQuery and the stand-in both take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from pipeline import clients
from pipeline.reconciliation.errors import CannotCheck
from pipeline.reconciliation.rows import (
    AcceptedRow,
    CurrencySum,
    MinuteDifference,
    Outside,
    Row,
    Tables,
    row_of,
)
from pipeline.reconciliation.settings import Dataset
from pipeline.reconciliation.truth import OffsetRange, Partition, Place, Reach
from transforms.contract.table_schema import (
    OUTCOME_TABLES,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    OutcomeTable,
    Table,
)

# How a column is written into JSON so that it comes back exact: a NUMERIC as text, a TIMESTAMP as
# microseconds since the epoch, bytes as base64.
_JSON_VALUE = {
    "NUMERIC": "CAST({name} AS STRING)",
    "TIMESTAMP": "UNIX_MICROS({name})",
    "BYTES": "TO_BASE64({name})",
}
# What the pipeline adds, and Kafka cannot know.
_NOT_COMPARED = {"ingested_at", "pipeline_version", "detail", "step"}

# The last pane of a minute replaces those before it of its run; runs and corrections add up
# (total_by_minute.py).
NEWEST_TOTALS = """newest AS (
  SELECT window_start, currency, payment_count, amount
  FROM {totals} WHERE pane_timing <> 'correction'
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY run_id, window_start, currency ORDER BY pane_index DESC, ingested_at DESC
  ) = 1
  UNION ALL
  SELECT window_start, currency, payment_count, amount
  FROM {totals} WHERE pane_timing = 'correction'
)"""
_MINUTES = f"""
WITH {NEWEST_TOTALS}, told AS (
  SELECT window_start, currency, SUM(payment_count) AS payments, SUM(amount) AS amount
  FROM newest GROUP BY window_start, currency
), paid AS (
  SELECT TIMESTAMP_TRUNC(event_time, MINUTE) AS window_start, currency, COUNT(*) AS payments,
    SUM(amount) AS amount
  FROM {{transactions}} GROUP BY window_start, currency
)
SELECT UNIX_MICROS(window_start), currency,
  IFNULL(paid.payments, 0), CAST(IFNULL(paid.amount, 0) AS STRING),
  IFNULL(told.payments, 0), CAST(IFNULL(told.amount, 0) AS STRING)
FROM paid FULL JOIN told USING (window_start, currency)
WHERE IFNULL(paid.payments, 0) <> IFNULL(told.payments, 0)
  OR IFNULL(paid.amount, 0) <> IFNULL(told.amount, 0)
ORDER BY 1, 2
"""


class BigQuerySide:
    """The outcome tables, seen through the offsets that are checked.

    Every method raises CannotCheck when BigQuery does not answer, or refuses.
    """

    def __init__(self, dataset: Dataset, ranges: Sequence[OffsetRange]) -> None:
        self._dataset = dataset
        self._reach = _reach_sql(ranges)
        where = f"{dataset.project}.{dataset.name}"
        with clients.bigquery_errors(CannotCheck, where, dataset.endpoint):
            self._client = clients.bigquery_client(dataset.project, dataset.endpoint)

    def count_rows(self) -> int:
        """Returns how many rows all tables together hold in the checked ranges."""
        return sum(
            count for reach, count in self._counts() if reach in (Reach.CHECKED, Reach.NOWHERE)
        )

    def tables(self, ends_now: Callable[[], Mapping[Partition, int]]) -> Tables:
        """Returns all that the comparison needs; the rows themselves are fetched as they are taken.

        Args:
            ends_now: asks Kafka how far each partition reaches.
        """
        [[accepted_rows, accepted_ids]] = self._query(
            f"SELECT COUNT(*), COUNT(DISTINCT transaction_id) FROM {self._name(TRANSACTIONS)}"
        )
        return Tables(
            self._rows(),
            self._sums(),
            accepted_rows,
            accepted_ids,
            self._repeated(),
            self._outside(ends_now),
            self.minutes(),
        )

    def minutes(self) -> list[MinuteDifference]:
        """Returns the minutes whose newest totals are not what the accepted rows add up to."""
        sql = _MINUTES.format(
            transactions=self._name(TRANSACTIONS), totals=self._name(TOTALS_BY_MINUTE)
        )
        return [
            MinuteDifference(minute_us, currency, rows, Decimal(amount), count, Decimal(total))
            for minute_us, currency, rows, amount, count, total in self._query(sql)
        ]

    def _rows(self) -> Iterator[Row]:
        # One statement: on Google's BigQuery all tables are then read as of the same moment. One
        # cell of JSON for each row: the client needs 12 µs for it, and 28 for the cells apart.
        reaches = f"'{Reach.CHECKED.value}', '{Reach.NOWHERE.value}'"
        sql = _union(
            f"SELECT TO_JSON_STRING(STRUCT({_json_columns(table)})) "
            f"FROM {self._name(table)} WHERE {self._reach} IN ({reaches})"
            for table in OUTCOME_TABLES
        )
        for [cells] in self._query(sql):
            yield row_of(orjson.loads(cells))

    def _sums(self) -> list[CurrencySum]:
        sql = (
            "SELECT currency, COUNT(*), CAST(SUM(amount) AS STRING) "
            f"FROM {self._name(TRANSACTIONS)} "
            f"WHERE {self._reach} = '{Reach.CHECKED.value}' GROUP BY currency"
        )
        return [
            CurrencySum(currency, count, Decimal(amount))
            for currency, count, amount in self._query(sql)
        ]

    def _repeated(self) -> Iterator[AcceptedRow]:
        sql = (
            "SELECT transaction_id, UNIX_MICROS(broker_time), "
            "kafka_topic, kafka_partition, kafka_offset "
            f"FROM {self._name(TRANSACTIONS)} WHERE TRUE "
            "QUALIFY COUNT(*) OVER (PARTITION BY transaction_id) > 1 "
            "ORDER BY 1, 2, 3, 4, 5"
        )
        for transaction_id, broker_time_us, *place in self._query(sql):
            yield AcceptedRow(transaction_id, broker_time_us, Place(*place))

    def _outside(self, ends_now: Callable[[], Mapping[Partition, int]]) -> Outside:
        counts = dict.fromkeys(Reach, 0)
        for reach, count in self._counts():
            counts[reach] += count
        sql = _union(
            f"SELECT kafka_topic, kafka_partition, kafka_offset FROM {self._name(table)} "
            f"WHERE {self._reach} = '{Reach.NEWER.value}'"
            for table in OUTCOME_TABLES
        )
        newer = [Place(*cells) for cells in self._query(sql)]
        # Asked after the rows: a row is written only for a record that Kafka has already.
        ends = ends_now()
        beyond_end = [place for place in newer if place.offset >= ends[place[:2]]]
        return Outside(
            counts[Reach.EXPIRED],
            counts[Reach.OTHER_TOPIC],
            len(newer) - len(beyond_end),
            beyond_end,
        )

    def _counts(self) -> Iterator[tuple[Reach, int]]:
        sql = _union(
            f"SELECT {self._reach}, COUNT(*) FROM {self._name(table)} GROUP BY 1"
            for table in OUTCOME_TABLES
        )
        for reach, count in self._query(sql):
            yield Reach(reach), count

    def _name(self, table: Table) -> str:
        return f"`{self._dataset.project}.{self._dataset.name}.{table.name}`"

    def _query(self, sql: str) -> Iterator[Sequence[Any]]:
        where = f"{self._dataset.project}.{self._dataset.name}"
        with clients.bigquery_errors(CannotCheck, where, self._dataset.endpoint):
            yield from clients.bigquery_rows(self._client, sql)


def _json_columns(table: OutcomeTable) -> str:
    values = [f"'{table.outcome.value}' AS outcome"] + [
        f"{_JSON_VALUE.get(column.type, '{name}').format(name=column.name)} AS {column.name}"
        for column in table.columns
        if column.name not in _NOT_COMPARED
    ]
    return ", ".join(values)


def _union(selects: Iterator[str]) -> str:
    return " UNION ALL ".join(selects)


def _reach_sql(ranges: Sequence[OffsetRange]) -> str:
    """Returns an expression that says of a row what Truth.reach says of a place.

    Topics are checked names (reconcile.py): letters, digits, dot, underscore, hyphen.
    """
    cases = [
        f"WHEN kafka_topic = '{span.topic}' AND kafka_partition = {span.partition} THEN "
        f"CASE WHEN kafka_offset < {span.start} THEN '{Reach.EXPIRED.value}' "
        f"WHEN kafka_offset < {span.end} THEN '{Reach.CHECKED.value}' "
        f"ELSE '{Reach.NEWER.value}' END"
        for span in ranges
    ]
    topics = ", ".join(f"'{topic}'" for topic in sorted({span.topic for span in ranges}))
    cases.append(f"WHEN kafka_topic IN ({topics}) THEN '{Reach.NOWHERE.value}'")
    return f"CASE {' '.join(cases)} ELSE '{Reach.OTHER_TOPIC.value}' END"

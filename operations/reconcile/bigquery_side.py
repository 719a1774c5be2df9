"""Reads the tables, in few queries of SQL that Google's BigQuery and the stand-in both take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from operations import bigquery_client
from operations.errors import CannotCheck
from operations.reconcile import reach_sql, row_json
from operations.reconcile.added_columns import AddedColumns
from operations.reconcile.rows import (
    AcceptedRow,
    CurrencySum,
    FirstRow,
    MinuteDifference,
    Outside,
    Row,
    Tables,
    row_of,
)
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import OffsetRange, Partition, Place, Reach
from transforms.codecs.contract import extra_columns
from transforms.payment.cells import columns_for, selected
from transforms.payment.tables import (
    CONFLICTS,
    DUPLICATES,
    OUTCOME_TABLES,
    SKIPPED_RECORDS,
    TOTALS_BY_MINUTE,
    TRANSACTIONS,
    OutcomeTable,
    Table,
)
from transforms.payment.transaction import PaymentFacts

_FACTS = columns_for(PaymentFacts._fields)
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
    SUM(amount) AS amount, {{reached}} AS reached
  FROM {{transactions}} GROUP BY window_start, currency
)
SELECT UNIX_MICROS(window_start), currency,
  IFNULL(paid.payments, 0), CAST(IFNULL(paid.amount, 0) AS STRING),
  IFNULL(told.payments, 0), CAST(IFNULL(told.amount, 0) AS STRING)
FROM paid FULL JOIN told USING (window_start, currency)
WHERE (IFNULL(paid.payments, 0) <> IFNULL(told.payments, 0)
  OR IFNULL(paid.amount, 0) <> IFNULL(told.amount, 0)) AND {{within}}
ORDER BY 1, 2
"""
# Of a range, the minutes of its payments, whole; and totals between them of no payment at all.
_WITHIN = (
    "(IFNULL(paid.reached, 0) > 0 OR (paid.payments IS NULL "
    "AND UNIX_MICROS(window_start) BETWEEN {first_us} AND {last_us}))"
)


class BigQuerySide:
    """The outcome tables, seen through the offsets that are checked.

    Every method raises CannotCheck when BigQuery does not answer, or refuses.

    Args:
        arrivals_us: first and last arrival of a range, whose minutes alone are then compared; None
            compares every minute there is.
        added: the columns that the contract adds.
    """

    def __init__(
        self,
        dataset: Dataset,
        ranges: Sequence[OffsetRange],
        arrivals_us: tuple[int, int] | None = None,
        added: AddedColumns | None = None,
    ) -> None:
        self._dataset = dataset
        self._added = added
        self._reach = reach_sql.of_row(ranges)
        self._range_reach = reach_sql.of_range(ranges)
        self._range_records = reach_sql.least_records(ranges)
        self._arrivals_us = arrivals_us
        where = f"{dataset.project}.{dataset.name}"
        with bigquery_client.errors(CannotCheck, where, dataset.endpoint):
            self._client = bigquery_client.connect(dataset.project, dataset.endpoint)

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
            self._firsts(),
        )

    def minutes(self) -> Iterator[MinuteDifference]:
        """Yields the minutes whose newest totals are not what the accepted rows add up to."""
        reached, within = "0", "TRUE"
        if self._arrivals_us is not None:
            first_us, last_us = self._arrivals_us
            reached = f"COUNTIF({self._reach} = '{Reach.CHECKED.value}')"
            within = _WITHIN.format(first_us=first_us, last_us=last_us)
        sql = _MINUTES.format(
            transactions=self._name(TRANSACTIONS),
            totals=self._name(TOTALS_BY_MINUTE),
            reached=reached,
            within=within,
        )
        for minute_us, currency, rows, amount, count, total in self._query(sql):
            yield MinuteDifference(
                minute_us, currency, rows, Decimal(amount), count, Decimal(total)
            )

    def _firsts(self) -> Iterator[FirstRow]:
        """Yields the accepted rows outside the ranges that copies inside them name."""
        first = "transaction_id, first_topic, first_partition, first_offset"
        copies = _union(
            f"SELECT {first} FROM {self._name(table)} WHERE {self._reach} = '{Reach.CHECKED.value}'"
            for table in (DUPLICATES, CONFLICTS)
        )
        reaches = f"'{Reach.CHECKED.value}', '{Reach.NOWHERE.value}'"
        sql = (
            "SELECT paid.transaction_id, paid.kafka_topic, paid.kafka_partition, "
            f"paid.kafka_offset, UNIX_MICROS(paid.broker_time), {selected(_FACTS, 'paid.')} "
            f"FROM (SELECT * FROM {self._name(TRANSACTIONS)} "
            f"WHERE {self._reach} NOT IN ({reaches})) AS paid "
            f"JOIN (SELECT DISTINCT {first} FROM ({copies})) AS copy "
            "ON paid.transaction_id = copy.transaction_id AND paid.kafka_topic = copy.first_topic "
            "AND paid.kafka_partition = copy.first_partition "
            "AND paid.kafka_offset = copy.first_offset"
        )
        for transaction_id, topic, partition, offset, arrival_us, *facts in self._query(sql):
            place = Place(topic, partition, offset)
            yield FirstRow(transaction_id, place, arrival_us, PaymentFacts._make(facts))

    def _rows(self) -> Iterator[Row]:
        # One statement: on Google's BigQuery all tables are then read as of the same moment. One
        # cell of JSON for each row: the client needs 12 µs for it, and 28 for the cells apart.
        reaches = f"'{Reach.CHECKED.value}', '{Reach.NOWHERE.value}'"
        sql = _union(
            f"SELECT TO_JSON_STRING(STRUCT({self._json_columns(table)})) "
            f"FROM {self._name(table)} WHERE {reach} IN ({reaches})"
            for table, reach in (
                *((table, self._reach) for table in OUTCOME_TABLES),
                (SKIPPED_RECORDS, self._range_reach),
            )
        )
        for [cells] in self._query(sql):
            yield row_of(orjson.loads(cells), self._added)

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
        places = _union(
            f"SELECT kafka_topic, kafka_partition, kafka_offset, 1 AS records "
            f"FROM {self._name(table)} WHERE {self._reach} = '{Reach.NEWER.value}'"
            for table in OUTCOME_TABLES
        )
        places += (
            " UNION ALL SELECT kafka_topic, kafka_partition, last_offset AS kafka_offset, "
            f"IF({self._range_reach} = '{Reach.NEWER.value}', record_count, 0) AS records "
            f"FROM {self._name(SKIPPED_RECORDS)} "
            f"WHERE {self._range_reach} IN ('{Reach.CHECKED.value}', '{Reach.NEWER.value}')"
        )
        lasts = list(
            self._query(
                "SELECT kafka_topic, kafka_partition, SUM(records), MAX(kafka_offset) "
                f"FROM ({places}) GROUP BY kafka_topic, kafka_partition"
            )
        )
        # Asked after the rows: a row is written only for a record that Kafka has already.
        ends = ends_now()
        newer = sum(int(count) for _, _, count, _ in lasts)
        spans = [
            OffsetRange(topic, partition, ends[topic, partition], last + 1)
            for topic, partition, _, last in lasts
            if last >= ends[topic, partition]
        ]
        outside = Outside(counts[Reach.EXPIRED], counts[Reach.OTHER_TOPIC], newer)
        if not spans:
            return outside
        beyond = f"FROM ({places}) WHERE {_in_sql(spans)}"
        [[count]] = self._query(f"SELECT IFNULL(SUM(records), 0) {beyond}")
        return outside._replace(newer=newer - int(count), beyond_end=self._beyond(beyond))

    def _beyond(self, beyond: str) -> Iterator[Place]:
        for cells in self._query(f"SELECT kafka_topic, kafka_partition, kafka_offset {beyond}"):
            yield Place(*cells)

    def _counts(self) -> Iterator[tuple[Reach, int]]:
        sql = _union(
            f"SELECT {self._reach}, COUNT(*) FROM {self._name(table)} GROUP BY 1"
            for table in OUTCOME_TABLES
        )
        sql += (
            f" UNION ALL SELECT {self._range_reach}, SUM({self._range_records}) "
            f"FROM {self._name(SKIPPED_RECORDS)} GROUP BY 1"
        )
        for reach, count in self._query(sql):
            yield Reach(reach), int(count)

    def _json_columns(self, table: OutcomeTable) -> str:
        added = self._added.columns if self._added and table.name in extra_columns.NAMES else ()
        return row_json.columns_of(table.outcome, (*table.columns, *added))

    def _name(self, table: Table) -> str:
        return f"`{self._dataset.project}.{self._dataset.name}.{table.name}`"

    def _query(self, sql: str) -> Iterator[Sequence[Any]]:
        where = f"{self._dataset.project}.{self._dataset.name}"
        with bigquery_client.errors(CannotCheck, where, self._dataset.endpoint):
            yield from bigquery_client.rows(self._client, sql)


def _union(selects: Iterator[str]) -> str:
    return " UNION ALL ".join(selects)


def _in_sql(spans: Sequence[OffsetRange]) -> str:
    return " OR ".join(
        f"(kafka_topic = '{span.topic}' AND kafka_partition = {span.partition} "
        f"AND kafka_offset >= {span.start} AND kafka_offset < {span.end})"
        for span in spans
    )

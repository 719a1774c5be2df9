"""Asks the tables for records, and for what stands beside them. Every query is bounded by time."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.cloud import bigquery

from operations import bigquery_client
from operations.errors import CannotCheck, CannotStart
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Partition, Place
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable
from operations.trace.row import Raised, Reach, Row, Total, name_of
from payments.settings import SETTINGS
from transforms.payment.fields import Column
from transforms.payment.outcome import Outcome
from transforms.payment.tables import (
    DEAD_LETTERS,
    FRAUD_INDICATORS,
    OUTCOME_TABLES,
    SKIPPED_RECORDS,
    TRANSACTIONS,
    OutcomeTable,
)

_PLACE = "CONCAT({0}_topic, '/', CAST({0}_partition AS STRING), '/', CAST({0}_offset AS STRING))"
_OWN_PLACE = _PLACE.format("kafka")
_REPLAYED_PLACE = _PLACE.format("replay_of")
# Every column of the outcome tables, each once.
COLUMNS: dict[str, Column] = {
    column.name: column for table in OUTCOME_TABLES for column in table.columns
}
_LATENESS_SEC = int(SETTINGS["allowed_lateness_sec"].default or 0)


class TablesSide:
    """The tables of a dataset; each method raises CannotCheck when nobody answers."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._where = f"{dataset.project}.{dataset.name}"
        with bigquery_client.errors(CannotCheck, self._where, dataset.endpoint):
            self._client = bigquery_client.connect(dataset.project, dataset.endpoint)

    def reach(self, topics: Sequence[str], since: dt.datetime) -> dict[Partition, Reach]:
        """Returns how far each partition is counted, as rows that arrived since tell."""
        sql = " UNION ALL ".join(
            "SELECT kafka_topic, kafka_partition, MAX(kafka_offset) + 1, MAX(broker_time) "
            f"FROM {self._name(table.name)} "
            f"WHERE {_since(table)} AND kafka_topic IN UNNEST(@topics) GROUP BY 1, 2"
            for table in OUTCOME_TABLES
        )
        sql += (
            " UNION ALL SELECT kafka_topic, kafka_partition, MAX(last_offset) + 1, "
            f"MAX(last_broker_time) FROM {self._name(SKIPPED_RECORDS.name)} "
            "WHERE broker_time >= @since AND kafka_topic IN UNNEST(@topics) GROUP BY 1, 2"
        )
        found: dict[Partition, Reach] = {}
        for topic, partition, end, newest in self._query(sql, since, _texts("topics", topics)):
            known = found.get((topic, partition), Reach(end, newest))
            found[topic, partition] = Reach(max(end, known.end), max(newest, known.newest))
        return found

    def of_id(self, transaction_id: str, since: dt.datetime) -> list[Row]:
        """Returns the records of an id, and the dead letters whose payload has it."""
        mentioned = "STRPOS(SAFE_CONVERT_BYTES_TO_STRING(payload), @id) > 0"
        conditions = {
            table.name: mentioned if table is DEAD_LETTERS else "transaction_id = @id"
            for table in OUTCOME_TABLES
        }
        value = bigquery.ScalarQueryParameter("id", "STRING", transaction_id)
        rows = self._rows(conditions, since, value)
        return [row for row in rows if row.transaction_id == transaction_id]

    def at(self, places: Iterable[Place], since: dt.datetime) -> list[Row]:
        """Returns the records at places."""
        return self._at(_OWN_PLACE, places, since)

    def skipped_at(self, place: Place, since: dt.datetime) -> dict[str, bool]:
        """Returns the rules that skip something around a place, and whether all there is."""
        sql = (
            "SELECT rule, record_count = last_offset - first_offset + 1 "
            f"FROM {self._name(SKIPPED_RECORDS.name)} WHERE broker_time >= @since "
            "AND kafka_topic = @topic AND kafka_partition = @partition "
            "AND first_offset <= @offset AND last_offset >= @offset"
        )
        kinds = ("topic", "STRING"), ("partition", "INT64"), ("offset", "INT64")
        values = [
            bigquery.ScalarQueryParameter(name, kind, value)
            for (name, kind), value in zip(kinds, place, strict=True)
        ]
        return {rule: whole for rule, whole in self._query(sql, since, *values)}

    def replays_of(self, places: Iterable[Place], since: dt.datetime) -> list[Row]:
        """Returns the records that say they send again what is at places."""
        return self._at(_REPLAYED_PLACE, places, since)

    def indicators(self, places: Iterable[Place], since: dt.datetime) -> list[Raised]:
        """Returns what the records at places raised."""
        sql = (
            "SELECT indicator, kafka_topic, kafka_partition, kafka_offset "
            f"FROM {self._name(FRAUD_INDICATORS.name)} "
            f"WHERE broker_time >= @since AND {_OWN_PLACE} IN UNNEST(@places) ORDER BY 1, 2, 3, 4"
        )
        found = self._query(sql, since, _texts("places", map(name_of, places)))
        return [Raised(indicator, Place(*place)) for indicator, *place in found]

    def totals(self, minutes: Iterable[tuple[dt.datetime, str]]) -> list[Total]:
        """Returns what minutes of event time hold by now, each in a currency."""
        wanted = set(minutes)
        if not wanted:
            return []
        sql = (
            "SELECT window_start, currency, payment_count, amount, corrections "
            f"FROM {self._name('totals_by_minute_latest')} "
            "WHERE window_start >= @since AND window_start IN UNNEST(@minutes) ORDER BY 1, 2"
        )
        moments = sorted({minute for minute, _ in wanted})
        value = bigquery.ArrayQueryParameter("minutes", "TIMESTAMP", moments)
        found = (Total(*cells) for cells in self._query(sql, moments[0], value))
        return [total for total in found if (total.minute, total.currency) in wanted]

    def holder(self) -> Run | None:
        """Returns the run that holds the tables, None when nobody does."""
        runs = self._runs()
        return runs[-1] if runs and runs[-1].stands else None

    def _runs(self) -> list[Run]:
        try:
            return RunsTable(self._where, self._dataset.endpoint).rows_if_any()
        except CannotStart as error:
            raise CannotCheck(str(error)) from None

    @functools.cached_property
    def _lateness(self) -> dt.timedelta:
        """Returns how long before its arrival an accepted payment can have happened."""
        allowed = [run.allowed_lateness_sec or 0 for run in self._runs()]
        return dt.timedelta(seconds=max([*allowed, _LATENESS_SEC]))

    def _at(self, column: str, places: Iterable[Place], since: dt.datetime) -> list[Row]:
        names = sorted({name_of(place) for place in places})
        if not names:
            return []
        condition = f"{column} IN UNNEST(@places)"
        conditions = {table.name: condition for table in OUTCOME_TABLES}
        return self._rows(conditions, since, _texts("places", names))

    def _rows(self, conditions: dict[str, str], since: dt.datetime, value: Any) -> list[Row]:
        sql = " UNION ALL ".join(
            f"SELECT '{table.outcome.value}' AS outcome, {_selected(table)} "
            f"FROM {self._name(table.name)} WHERE {_since(table)} AND {conditions[table.name]}"
            for table in OUTCOME_TABLES
        )
        return [
            Row(Outcome(outcome), dict(zip(COLUMNS, cells, strict=True)))
            for outcome, *cells in self._query(sql, since, value)
        ]

    def _name(self, table: str) -> str:
        return f"`{self._where}.{table}`"

    def _query(self, sql: str, since: dt.datetime, *values: Any) -> Iterator[list[Any]]:
        bound = [bigquery.ScalarQueryParameter("since", "TIMESTAMP", since)]
        if "@event_since" in sql:
            moment = since - self._lateness
            bound.append(bigquery.ScalarQueryParameter("event_since", "TIMESTAMP", moment))
        settings = bigquery.QueryJobConfig(query_parameters=[*bound, *values])
        with bigquery_client.errors(CannotCheck, self._where, self._dataset.endpoint):
            yield from bigquery_client.rows(self._client, sql, settings)


def _selected(table: OutcomeTable) -> str:
    return ", ".join(
        f"`{name}`" if name in table.column_names else f"CAST(NULL AS {column.type}) AS `{name}`"
        for name, column in COLUMNS.items()
    )


def _since(table: OutcomeTable) -> str:
    # What reads fewest days of a table is a bound of the column that it is partitioned by.
    if table is TRANSACTIONS:
        return "event_time >= @event_since AND broker_time >= @since"
    return "broker_time >= @since"


def _texts(name: str, values: Iterable[str]) -> Any:
    return bigquery.ArrayQueryParameter(name, "STRING", list(values))

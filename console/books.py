"""Counts what the outcome tables hold, and reads their newest records."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from operations import bigquery_client
from operations.errors import CannotCheck
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import Place
from operations.trace.row import id_in
from transforms.payment.outcome import Outcome
from transforms.payment.rules import MINOR_DIGITS
from transforms.payment.tables import OUTCOME_TABLES, TRANSACTIONS, OutcomeTable

NEWEST_MAX = 20
_PLACE = (
    "CONCAT(kafka_topic, '/', CAST(kafka_partition AS STRING), '/', CAST(kafka_offset AS STRING))"
)
# What the newest records show; a table without such a column has none of it.
_SHOWN = {
    "transaction_id": "STRING",
    "amount": "NUMERIC",
    "currency": "STRING",
    "reason": "STRING",
    "payload": "BYTES",
}
# An accepted payment happened so long before its arrival at most; its partition is of that day.
_EARLIER = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Counted:
    """A record that a table holds."""

    outcome: Outcome
    place: Place
    arrived_at: dt.datetime
    transaction_id: str | None
    amount: str
    reason: str | None


@dataclasses.dataclass(frozen=True)
class Books:
    """What the tables hold.

    Attributes:
        counts: rows by outcome.
        double: rows of a record that has one already.
        newest: the newest records of all, the newest first.
        since: arrival before which nothing was counted; None when all of it was.
    """

    counts: Mapping[Outcome, int]
    double: int
    newest: tuple[Counted, ...]
    since: dt.datetime | None = None

    @property
    def rows(self) -> int:
        """Returns how many rows there are."""
        return sum(self.counts.values())

    @property
    def arrived_at(self) -> dt.datetime | None:
        """Returns when the newest record arrived that is queryable."""
        return max((each.arrived_at for each in self.newest), default=None)

    def last(self, outcome: Outcome) -> Counted | None:
        """Returns the newest record of an outcome."""
        return next((each for each in self.newest if each.outcome is outcome), None)


class BooksReader:
    """Asks the tables of a dataset for the records of topics. Raises CannotCheck."""

    def __init__(self, dataset: Dataset, topics: Topics) -> None:
        self._dataset = dataset
        self._where = f"{dataset.project}.{dataset.name}"
        self._topics = ", ".join(f"'{name}'" for name in topics.names)

    def read(self, since: dt.datetime | None) -> Books:
        """Returns what arrived since then, or all."""
        with bigquery_client.errors(CannotCheck, self._where, self._dataset.endpoint):
            client = bigquery_client.connect(self._dataset.project, self._dataset.endpoint)
            found = list(bigquery_client.rows(client, self._counts_sql(since)))
            newest = [_counted(cells) for cells in self._newest(client, since)]
        counts = dict.fromkeys(Outcome, 0) | {Outcome(name): rows for name, rows, _ in found}
        newest.sort(key=lambda each: (each.arrived_at, each.place), reverse=True)
        return Books(counts, next((double for *_, double in found), 0), tuple(newest), since)

    def _counts_sql(self, since: dt.datetime | None) -> str:
        union = " UNION ALL ".join(
            f"SELECT '{table.outcome.value}' AS outcome, {_PLACE} AS place "
            f"FROM `{self._where}.{table.name}` WHERE {self._wanted(table, since)}"
            for table in OUTCOME_TABLES
        )
        return (
            f"WITH counted AS ({union}) SELECT outcome, COUNT(*), "
            "(SELECT COUNT(*) - COUNT(DISTINCT place) FROM counted) FROM counted GROUP BY outcome"
        )

    def _newest(self, client: Any, since: dt.datetime | None) -> Iterator[list[Any]]:
        sql = " UNION ALL ".join(
            f"(SELECT '{table.outcome.value}', kafka_topic, kafka_partition, kafka_offset, "
            f"broker_time, {_cells(table)} FROM `{self._where}.{table.name}` "
            f"WHERE {self._wanted(table, since)} "
            f"ORDER BY broker_time DESC, kafka_offset DESC LIMIT {NEWEST_MAX})"
            for table in OUTCOME_TABLES
        )
        yield from bigquery_client.rows(client, sql)

    def _wanted(self, table: OutcomeTable, since: dt.datetime | None) -> str:
        wanted = f"kafka_topic IN ({self._topics})"
        if since is None:
            return wanted
        wanted += f" AND broker_time >= {_timestamp(since)}"
        if table is TRANSACTIONS:  # partitioned by event time: what bounds it is read alone
            wanted += f" AND {table.partition_by} >= {_timestamp(since - _EARLIER)}"
        return wanted


def _timestamp(moment: dt.datetime) -> str:
    return f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}+00:00'"


def _cells(table: OutcomeTable) -> str:
    return ", ".join(
        name if name in table.column_names else f"CAST(NULL AS {kind})"
        for name, kind in _SHOWN.items()
    )


def _counted(cells: list[Any]) -> Counted:
    outcome, topic, partition, offset, arrived_at, *shown = cells
    found = dict(zip(_SHOWN, shown, strict=True))
    currency = found["currency"]
    amount = ""
    if found["amount"] is not None:
        amount = f"{found['amount']:.{MINOR_DIGITS.get(currency, 0)}f} {currency}"
    transaction_id = found["transaction_id"]
    if transaction_id is None:
        transaction_id = id_in(found["payload"])
    place = Place(topic, partition, offset)
    return Counted(Outcome(outcome), place, arrived_at, transaction_id, amount, found["reason"])

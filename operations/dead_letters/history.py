"""Asks the tables about dead letters, their second fates, and ids that are counted."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from google.cloud import bigquery

from operations import bigquery_client
from operations.dead_letters.letters import Counted, Fate, Stored, name_of, place_of
from operations.errors import ReplayUnanswered
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Partition, Place
from transforms.payment.cells import COLUMN_OF, columns_for, selected
from transforms.payment.dead_letter import DeadLetter
from transforms.payment.fields import columns_of, fields_of
from transforms.payment.outcome import Outcome
from transforms.payment.tables import (
    DEAD_LETTERS,
    OUTCOME_TABLES,
    SKIPPED_RECORDS,
    TRANSACTIONS,
    Table,
)
from transforms.payment.transaction import PaymentFacts, ReplayOf

_PLACE = "CONCAT({0}_topic, '/', CAST({0}_partition AS STRING), '/', CAST({0}_offset AS STRING))"
_OWN_PLACE = _PLACE.format("kafka")
_REPLAYED_PLACE = _PLACE.format("replay_of")
# The column of each field; the lineage of a dead letter has those of a payment's.
_COLUMNS = {each.name: each.column for each in fields_of(DeadLetter)} | {
    name: column for name, column in COLUMN_OF.items() if name in DeadLetter._fields
}
_LETTER = selected([*_COLUMNS.values(), *columns_of(ReplayOf)])
_FACTS = selected(columns_for(PaymentFacts._fields))


@dataclasses.dataclass(frozen=True)
class Filter:
    """Which dead letters are meant; None does not filter.

    Attributes:
        since, until: bounds of the arrival, the first inclusive.
        sent_too: also those that were sent again already.
    """

    reason: str | None = None
    topic: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    sent_too: bool = False
    limit: int = 100


class History:
    """The outcome tables of a dataset; each method raises ReplayUnanswered when nobody answers."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        where = f"{dataset.project}.{dataset.name}"
        with bigquery_client.errors(ReplayUnanswered, where, dataset.endpoint):
            self._client = bigquery_client.connect(dataset.project, dataset.endpoint)

    def find(self, wanted: Filter) -> list[Stored]:
        """Returns the newest dead letters that are meant, with their second fates."""
        conditions = {
            "reason = @reason": _text("reason", wanted.reason),
            "kafka_topic = @topic": _text("topic", wanted.topic),
            "broker_time >= @since": _moment("since", wanted.since),
            "broker_time < @until": _moment("until", wanted.until),
        }
        used = {sql: value for sql, value in conditions.items() if value.value is not None}
        where = " AND ".join(used) or "TRUE"
        if not wanted.sent_too:
            where += f" AND {_OWN_PLACE} NOT IN (SELECT place FROM sent)"
        sql = (
            f"WITH sent AS ({self._sent()}) SELECT {_LETTER} FROM {self._name(DEAD_LETTERS)} "
            f"WHERE {where} ORDER BY broker_time DESC, kafka_topic, kafka_partition, "
            f"kafka_offset DESC LIMIT {wanted.limit}"
        )
        letters = [_letter(cells) for cells in self._query(sql, *used.values())]
        fates = self.fates(map(place_of, letters)) if wanted.sent_too else {}
        return [Stored(letter, fates.get(place_of(letter), ())) for letter in letters]

    def letters(self, places: Iterable[Place]) -> dict[Place, DeadLetter]:
        """Returns the dead letters at `places`, in that order, as far as there are some."""
        names = list(dict.fromkeys(places))
        sql = (
            f"SELECT {_LETTER} FROM {self._name(DEAD_LETTERS)} "
            f"WHERE {_OWN_PLACE} IN UNNEST(@places)"
        )
        found = {
            place_of(letter): letter
            for letter in map(_letter, self._query(sql, _texts("places", map(name_of, names))))
        }
        return {place: found[place] for place in names if place in found}

    def fates(self, places: Iterable[Place]) -> dict[Place, tuple[Fate, ...]]:
        """Returns how the records ended that sent the letters at `places` again, oldest first."""
        # BigQuery charges nothing for NULL: of the large tables only replays are read.
        sql = " UNION ALL ".join(
            f"SELECT '{table.outcome.value}', replay_of_topic, replay_of_partition, "
            "replay_of_offset, kafka_topic, kafka_partition, kafka_offset, "
            f"UNIX_MICROS(broker_time) AS arrival FROM {self._name(table)} "
            f"WHERE {_REPLAYED_PLACE} IN UNNEST(@places)"
            for table in OUTCOME_TABLES
        )
        fates: dict[Place, tuple[Fate, ...]] = {}
        rows = self._query(f"{sql} ORDER BY arrival", _texts("places", map(name_of, places)))
        for outcome, *cells in rows:
            fate = Fate(Outcome(outcome), Place(*cells[3:6]), cells[6])
            of = Place(*cells[:3])
            fates[of] = (*fates.get(of, ()), fate)
        return fates

    def counted(self, transaction_ids: Collection[str]) -> dict[str, Counted]:
        """Returns the accepted records of the ids, from the whole history."""
        if not transaction_ids:
            return {}
        sql = (
            f"SELECT transaction_id, kafka_topic, kafka_partition, kafka_offset, {_FACTS} "
            f"FROM {self._name(TRANSACTIONS)} "
            "WHERE transaction_id IN UNNEST(@ids)"
        )
        rows = self._query(sql, _texts("ids", transaction_ids))
        return {
            transaction_id: Counted(Place(topic, partition, offset), PaymentFacts._make(facts))
            for transaction_id, topic, partition, offset, *facts in rows
        }

    def newest(self) -> Mapping[Partition, int]:
        """Returns the highest offset that is in a table, for each partition that has one."""
        offsets = {table: "kafka_offset" for table in OUTCOME_TABLES}
        sql = " UNION ALL ".join(
            f"SELECT kafka_topic, kafka_partition, MAX({offset}) "
            f"FROM {self._name(table)} GROUP BY 1, 2"
            for table, offset in {**offsets, SKIPPED_RECORDS: "last_offset"}.items()
        )
        newest: dict[Partition, int] = {}
        for topic, partition, offset in self._query(sql):
            newest[topic, partition] = max(offset, newest.get((topic, partition), offset))
        return newest

    def _sent(self) -> str:
        return " UNION ALL ".join(
            f"SELECT {_REPLAYED_PLACE} AS place FROM {self._name(table)} "
            "WHERE replay_of_topic IS NOT NULL"
            for table in OUTCOME_TABLES
        )

    def _name(self, table: Table) -> str:
        return f"`{self._dataset.project}.{self._dataset.name}.{table.name}`"

    def _query(self, sql: str, *values: Any) -> Iterator[list[Any]]:
        where = f"{self._dataset.project}.{self._dataset.name}"
        settings = bigquery.QueryJobConfig(query_parameters=values)
        with bigquery_client.errors(ReplayUnanswered, where, self._dataset.endpoint):
            yield from bigquery_client.rows(self._client, sql, settings)


def _letter(cells: list[Any]) -> DeadLetter:
    own = dict(zip(_COLUMNS, cells, strict=False))
    replayed = ReplayOf._make(cells[len(_COLUMNS) :])
    return DeadLetter(**own, replay_of=None if replayed.topic is None else replayed)


def _text(name: str, value: str | None) -> Any:
    return bigquery.ScalarQueryParameter(name, "STRING", value)


def _texts(name: str, values: Iterable[str]) -> Any:
    return bigquery.ArrayQueryParameter(name, "STRING", list(values))


def _moment(name: str, value: dt.datetime | None) -> Any:
    return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)

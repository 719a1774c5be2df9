"""Asks the tables for a report, after telling what that will read."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
from google.cloud import bigquery

from operations import bigquery_client
from operations.errors import CannotCheck
from operations.reconcile.accepted_twice import accepted_twice
from operations.reconcile.progress import Tell
from operations.reconcile.rows import AcceptedRow
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Partition, Place
from operations.report import day, queries
from operations.report.offsets import Offsets
from operations.report.queries import Chosen
from operations.report.skipped import Range
from transforms.payment.outcome import Outcome

_QUERIES: Mapping[str, Callable[[Chosen], str]] = {
    "counts and sums": queries.counts,
    "offsets": queries.offsets,
    "rows too many": queries.surplus,
    "skipped records": queries.skipped,
    "ids counted twice": queries.twice,
    "conflicts": queries.conflicts,
    "who repeats": queries.repeaters,
    "lateness": queries.lateness,
    "dead letters": queries.reasons,
    "fraud indicators": queries.indicators,
    "accounts": queries.accounts,
    "verdicts": queries.verdicts,
}


class TablesSide:
    """The tables of one dataset. Every method raises CannotCheck when BigQuery does not answer."""

    def __init__(self, dataset: Dataset, chosen: Chosen, tell: Tell) -> None:
        self._dataset = dataset
        self._chosen = chosen
        self._tell = tell
        with self._errors():
            self._client = bigquery_client.connect(dataset.project, dataset.endpoint)

    def read_bytes(self) -> int | None:
        """Returns what the queries will read, by a dry run, which is free; None if it is not told.

        The stand-in counts nothing.
        """
        asked = [make(self._chosen) for make in self._queries.values()]
        with self._errors():
            told = [
                self._client.query(
                    sql,
                    job_config=bigquery.QueryJobConfig(dry_run=True, use_query_cache=False),
                    retry=bigquery_client.RETRY,
                    job_retry=None,
                ).total_bytes_processed
                for sql in asked
            ]
        known = sum(int(each or 0) for each in told)
        return known or None

    def cells(self) -> list[day.Cell]:
        """Returns counts and sums."""
        return [
            day.Cell(
                Outcome(outcome),
                topic,
                partition,
                currency,
                bucket_us,
                rows,
                None if amount is None else Decimal(amount),
            )
            for outcome, topic, partition, currency, bucket_us, rows, amount in self._ask(
                "counts and sums"
            )
        ]

    def offsets(self) -> dict[Partition, Offsets]:
        """Returns the offsets that the tables hold."""
        found: dict[Partition, Offsets] = defaultdict(Offsets)
        for topic, partition, first, last in self._ask("offsets"):
            found[topic, partition].add(first, last)
        return found

    def surplus(self) -> dict[Place, str]:
        """Returns the places that have more than one row, and which rows."""
        found: dict[Place, list[str]] = defaultdict(list)
        for topic, partition, offset, outcome, rows in self._ask("rows too many"):
            found[Place(topic, partition, offset)].append(f"{rows} × {outcome}")
        return {place: ", ".join(told) for place, told in found.items()}

    def twice(
        self, horizon_us: int, inside: Callable[[Place], bool], known: Mapping[Place, str]
    ) -> day.Twice:
        """Returns the ids that were counted more than once.

        Args:
            horizon_us: beyond it an id may be accepted again.
            inside: whether a place is in the range.
            known: places that have two rows anyway.
        """
        repeated = (
            AcceptedRow(transaction_id, broker_time_us, Place(*place))
            for transaction_id, broker_time_us, *place in self._ask("ids counted twice")
        )
        # No place has a key: all are then in `elsewhere`, which needs no disk.
        places: set[Place] = set()

        def key(place: Place) -> None:
            places.add(place)

        found = accepted_twice(repeated, horizon_us, key, inside)
        return day.Twice(
            found.tally.failures,
            tuple(found.tally.examples),
            len(places - known.keys()),
            found.again,
        )

    def conflicts(self) -> list[day.Conflict]:
        """Returns the conflicts with both sides."""
        return [
            day.Conflict(
                transaction_id,
                arrival,
                str(Place(*places[:3])),
                str(Place(*places[3:6])),
                _side(places[6:11]),
                _side(places[11:16]),
            )
            for transaction_id, arrival, *places in self._ask("conflicts")
        ]

    def repeaters(self) -> list[day.Repeater]:
        """Returns the payees whose payments are repeated most."""
        return [day.Repeater(*row) for row in self._ask("who repeats")]

    def lateness(self) -> list[day.LateClass]:
        """Returns how late payments arrived."""
        found = [
            day.LateClass(number, Outcome(outcome), records, late_ms)
            for number, outcome, records, late_ms in self._ask("lateness")
        ]
        return sorted(found, key=lambda each: (each.number, each.outcome.value))

    def reasons(self) -> list[day.ReasonLine]:
        """Returns the dead letters by reason."""
        return [day.ReasonLine(*row) for row in self._ask("dead letters")]

    def indicators(self) -> list[day.IndicatorLine]:
        """Returns the fraud indicators."""
        return [day.IndicatorLine(*row) for row in self._ask("fraud indicators")]

    def accounts(self) -> list[day.AccountLine]:
        """Returns the accounts that have raised most."""
        return [day.AccountLine(*row) for row in self._ask("accounts")]

    def verdicts(self, held: Mapping[Partition, tuple[int, int]]) -> list[day.VerdictLine]:
        """Returns the reconciliations since the range began, the newest first.

        Args:
            held: the offsets of the range, end exclusive.
        """
        found = []
        for finished_at, verdict, scope, ranges, *counts, checked_by, problems in self._ask(
            "verdicts"
        ):
            covers = covered(held, orjson.loads(ranges)) if held else None
            told = tuple(map(str, orjson.loads(problems)))
            line = (finished_at, verdict, scope, covers, *counts, checked_by, told)
            found.append(day.VerdictLine(*line))
        return found

    def skipped(self) -> list[Range]:
        """Returns the ranges of records that the contract has skipped."""
        return [Range(*row) for row in self._ask("skipped records")]

    def expired(self) -> int:
        """Returns how many rows of the time are of records that Kafka does not hold."""
        if self._chosen.ranges is None:
            return 0
        [[count]] = self._rows(queries.expired(self._chosen))
        return int(count)

    @property
    def _queries(self) -> Mapping[str, Callable[[Chosen], str]]:
        if self._chosen.ranges is None:
            return _QUERIES
        return {**_QUERIES, "expired": queries.expired}

    def _ask(self, what: str) -> Iterator[Sequence[Any]]:
        self._tell(f"asking BigQuery for {what}")
        yield from self._rows(_QUERIES[what](self._chosen))

    def _rows(self, sql: str) -> Iterator[Sequence[Any]]:
        with self._errors():
            yield from bigquery_client.rows(self._client, sql)

    def _errors(self) -> Any:
        where = f"{self._dataset.project}.{self._dataset.name}"
        return bigquery_client.errors(CannotCheck, where, self._dataset.endpoint)


def covered(held: Mapping[Partition, tuple[int, int]], ranges: Sequence[Mapping[str, Any]]) -> bool:
    """Returns whether a check that has read these ranges has read all that is held."""
    read = {(span["topic"], span["partition"]): (span["start"], span["end"]) for span in ranges}
    return all(
        pair in read and read[pair][0] <= start and end <= read[pair][1]
        for pair, (start, end) in held.items()
        if start < end
    )


def _side(cells: Sequence[Any]) -> day.Side:
    amount, currency, account_id, merchant_id, event_time = cells
    paid: dt.datetime | None = event_time
    exact = None if amount is None else Decimal(amount)
    return day.Side(exact, currency, account_id, merchant_id, paid)

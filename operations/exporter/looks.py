"""Asks Kafka, the tables, the audit tables and Flink, by the code of `payments health`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from operations.exporter import readings
from operations.exporter.readings import Sample
from operations.flink_client import FlinkClient, FlinkJob
from operations.health import flink_side, tables_side, topic_side
from operations.health.tables_side import TableHealth
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import OffsetRange, Partition
from operations.reconcile.verdicts import Verdicts
from operations.runs import limits, run_jobs
from operations.runs.run import Run
from operations.runs.runs_table import RunsTable


@dataclasses.dataclass(frozen=True)
class Places:
    """Where to ask.

    Attributes:
        flink: host:port of Flink's REST interface; None leaves the job out.
        flink_job: Flink's id of the job; None for the one that lives.
        window_sec: records that arrived within it are the recent ones.
    """

    topics: Topics
    dataset: Dataset
    flink: str | None
    flink_job: str | None
    window_sec: int


# A partition without any row is looked for in all that the tables hold: no more often than this.
_WIDE_EVERY_SEC = 900.0


@dataclasses.dataclass(frozen=True)
class _TablesLook:
    """A look at the tables, with what Kafka held when it began."""

    began_at: float
    ranges: Sequence[OffsetRange]
    found: TableHealth


class Looks:
    """The looks at each source; each is called by a thread of its own.

    They share what one needs of another: the tables are asked of the partitions that Kafka tells,
    Kafka of what lies beyond the tables, and Flink of the jobs whose runs hold the tables. An
    attribute is replaced as a whole, so no reader sees half of a change.

    Attributes:
        ask_kafka: makes Kafka be asked anew and waits; returns whether it answered.
        wake_kafka: makes Kafka be asked soon, and does not wait.
        tables_stale_sec: returns at which age a look at the tables is no longer told.
    """

    def __init__(self, places: Places) -> None:
        self.ask_kafka: Callable[[], bool] = lambda: True
        self.wake_kafka: Callable[[], None] = lambda: None
        self.tables_stale_sec: Callable[[], float] = lambda: 0.0
        self._places = places
        self._ranges: Sequence[OffsetRange] = ()
        self._tables: _TablesLook | None = None
        self._counted: _TablesLook | None = None
        self._waiting: Mapping[Partition, int] = {}
        self._none_waited_at: float | None = None
        self._reach: Mapping[Partition, int] = {}
        self._newest: Mapping[Partition, dt.datetime] = {}
        self._wide_at = -_WIDE_EVERY_SEC
        self._chain: Sequence[Run] | None = None

    def kafka(self) -> Iterator[Sample]:
        """Yields Kafka's figures, and counts the records that wait when the tables were asked."""
        with topic_side.connected(self._places.topics) as topic:
            self._ranges = topic.ranges()
            yield from readings.of_topics(self._ranges, topic.open_transactions())
            look = self._tables
            if look is not None and look is not self._counted:
                self._waiting = topic.waiting(look.ranges, look.found.reach)
                self._counted = look
                if not any(self._waiting.values()):
                    self._none_waited_at = look.began_at
        counted = self._counted
        if counted and time.monotonic() - counted.began_at <= self.tables_stale_sec():
            yield from readings.of_waiting(self._waiting, self._waited_sec(counted))

    def _waited_sec(self, look: _TablesLook) -> float | None:
        """Returns for how long records have waited at most, when the tables were asked.

        As long as the newest row is old; but after a quiet night, the first payment has waited no
        longer than since the last look at which none did.
        """
        row_sec = look.found.newest_row_age_sec
        if self._none_waited_at is None:
            return row_sec
        quiet_sec = look.began_at - self._none_waited_at
        return quiet_sec if row_sec is None else min(row_sec, quiet_sec)

    def tables(self) -> Iterator[Sample]:
        """Yields the tables' figures."""
        places = self._places
        ranges = self._ranges if self.ask_kafka() else None
        began_at = time.monotonic()
        seen = tables_side.table_health(
            places.dataset,
            ranges,
            places.window_sec,
            places.topics.names,
            recent_sec=self._recent_sec(),
            known=self._known(ranges or ()),
        )
        reasons = tables_side.recent_reasons(places.dataset, places.topics.names, places.window_sec)
        self._reach = _greater(self._reach, seen.reach)
        self._newest = {**self._newest, **seen.newest}
        found = seen._replace(
            reach=self._reach,
            newest=self._newest,
            newest_row_age_sec=tables_side.age_sec(self._newest),
        )
        if ranges is not None:
            self._tables = _TablesLook(began_at, ranges, found)
            self.wake_kafka()
        yield from readings.of_tables(found, reasons, places.window_sec)

    def _known(self, ranges: Sequence[OffsetRange]) -> Collection[Partition]:
        """Returns the partitions that are not looked for in all that there is."""
        known = set(self._reach)
        unknown = {(span.topic, span.partition) for span in ranges} - known
        if unknown and time.monotonic() - self._wide_at >= _WIDE_EVERY_SEC:
            self._wide_at = time.monotonic()
            return known
        return known | unknown

    def _recent_sec(self) -> int:
        """Returns how old rows may be that were written since the last look.

        A partition with records that wait goes on where its newest row is. A payment's event time
        may lie before its arrival by the allowed lateness.
        """
        now = dt.datetime.now(dt.UTC)
        behind = [at for pair, at in self._newest.items() if self._waiting.get(pair, 1)]
        oldest_sec = (now - min(behind, default=now)).total_seconds()
        runs = [run for run in self._chain or () if run.allowed_lateness_sec is not None]
        lateness = runs[-1].allowed_lateness_sec if runs else None
        if lateness is None:
            lateness = limits.DEFAULT_LATENESS_SEC
        # Nothing is known at first, and to look for a partition in all that there is costs more.
        least_sec = self._places.window_sec if self._reach else tables_side.RECENT_SEC
        # Producers' times may fall by so much from one record to the next.
        slack_sec = (runs[-1].arrival_slack_sec or 0) if runs else 0
        return max(least_sec, round(oldest_sec)) + lateness + slack_sec

    def audit(self) -> Iterator[Sample]:
        """Yields who holds the tables, and the last verdict."""
        dataset = self._places.dataset
        table = RunsTable(f"{dataset.project}.{dataset.name}", dataset.endpoint)
        self._chain = table.rows_if_any()
        yield from readings.of_audit(self._chain, Verdicts(dataset).newest())

    def flink(self) -> Iterator[Sample]:
        """Yields the job's figures."""
        address = self._places.flink
        assert address is not None, "Flink is not asked without an address"
        found = flink_side.job_health(address, self._places.flink_job, self._ours)
        yield from readings.of_job(found)
        if self._chain:
            yield from readings.of_claims(FlinkClient(address).jobs(), self._chain)

    def _ours(self, living: Sequence[FlinkJob]) -> FlinkJob | None:
        """Returns the job of the run that holds the tables, None where nobody says."""
        return run_jobs.job_of(self._chain[-1], living) if self._chain else None


def _greater(one: Mapping[Partition, int], other: Mapping[Partition, int]) -> dict[Partition, int]:
    """Returns how far the tables reach by two looks: the second does not see rows that are old."""
    return {pair: max(one.get(pair, 0), other.get(pair, 0)) for pair in {**one, **other}}

"""Asks each source. One that is down is told, and the others are asked all the same."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from operations.errors import CannotCheck, CannotStart
from operations.flink_client import FlinkJob
from operations.health import flink_side, tables_side, topic_side
from operations.health.flink_side import JobHealth
from operations.health.indicators import Indicator, Section
from operations.health.limits import LIMITS
from operations.health.tables_side import TableHealth
from operations.health.topic_side import OpenTransaction, TopicSide
from operations.job.job_facts import failure_document
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import OffsetRange
from operations.runs import run_jobs
from operations.runs.runs_table import RunsTable

_NAMED_MAX = 5


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where to ask, and what is too much.

    Attributes:
        flink: host:port of Flink's REST interface; None leaves the job out.
        flink_job: Flink's id of the job; None for the one that lives.
        window_sec: records that arrived within it make the ratio of dead letters.
        limits: the most that is healthy, by the name of an indicator.
    """

    topics: Topics
    dataset: Dataset
    flink: str | None
    flink_job: str | None
    window_sec: int
    limits: Mapping[str, float]

    def ask(self) -> list[Section]:
        """Returns a section for each source."""
        kafka = Section("kafka", f"Kafka {self.topics.bootstrap_servers}")
        where = f"{self.dataset.project}.{self.dataset.name}"
        tables = Section("tables", f"Tables {where}")
        found: TableHealth | None = None
        # The tables are asked of the partitions that Kafka tells, and Kafka of what lies beyond
        # the tables: one without the other says what it can.
        with _told_in(kafka), topic_side.connected(self.topics) as topic:
            ranges = topic.ranges()
            with _told_in(tables):
                found = tables_side.table_health(self.dataset, ranges, self.window_sec)
            self._of_topic(kafka, topic, ranges, found)
        if kafka.problem is not None and found is None and tables.problem is None:
            with _told_in(tables):
                found = tables_side.table_health(
                    self.dataset, None, self.window_sec, self.topics.names
                )
        if found is not None:
            self._of_tables(tables, found, kafka)
        return [kafka, tables, *self._of_job()]

    def _of_topic(
        self,
        section: Section,
        topic: TopicSide,
        ranges: Sequence[OffsetRange],
        tables: TableHealth | None,
    ) -> None:
        if tables is not None:
            waiting = sum(topic.waiting(ranges, tables.reach).values())
            section.indicators.append(self._indicator("lag_records", waiting))
        section.indicators.append(self._open_transaction(topic.open_transactions()))

    def _of_tables(self, section: Section, tables: TableHealth, kafka: Section) -> None:
        lag = next((each.value for each in kafka.indicators if each.name == "lag_records"), None)
        # A topic without traffic has no new rows, and is well.
        age_sec = 0.0 if lag == 0 else tables.newest_row_age_sec
        indicator = self._indicator("newest_row_age_sec", age_sec)
        # Without Kafka nobody knows whether records wait.
        section.indicators.append(indicator if lag is not None else indicator._replace(limit=None))
        section.indicators.append(self._indicator("dead_letter_ratio", tables.dead_letter_ratio))

    def _open_transaction(self, transactions: Sequence[OpenTransaction]) -> Indicator:
        """Returns the age of the oldest, which is named with some of the others."""
        indicator = self._indicator("open_transaction_sec", 0.0)
        if not transactions:
            return indicator
        named = "; ".join(str(each) for each in transactions[:_NAMED_MAX])
        if len(transactions) > _NAMED_MAX:
            named += f"; {len(transactions) - _NAMED_MAX} more"
        return indicator._replace(
            value=transactions[0].age_sec, meaning=f"{indicator.meaning}: {named}"
        )

    def _of_job(self) -> Iterator[Section]:
        if self.flink is None:
            return
        section = Section("flink", f"Flink {self.flink}")
        with _told_in(section):
            found = flink_side.job_health(self.flink, self.flink_job, self._ours)
            section.notes += _notes(found, self.flink)
            section.last_failure = failure_document(found.failure)
            section.indicators += self._indicators(found, self._slack_sec())
        yield section

    def _ours(self, living: Sequence[FlinkJob]) -> FlinkJob | None:
        """Returns the job of the run that holds the tables, None where nobody says."""
        with contextlib.suppress(CannotStart):
            table = RunsTable(f"{self.dataset.project}.{self.dataset.name}", self.dataset.endpoint)
            if chain := table.rows_if_any():
                return run_jobs.job_of(chain[-1], living)
        return None

    def _slack_sec(self) -> int:
        """Returns how far the watermark is held back, because producers' times may be off."""
        with contextlib.suppress(CannotStart):
            table = RunsTable(f"{self.dataset.project}.{self.dataset.name}", self.dataset.endpoint)
            if chain := table.rows_if_any():
                return chain[-1].arrival_slack_sec or 0
        return 0

    def _indicators(self, found: JobHealth, slack_sec: int = 0) -> Iterator[Indicator]:
        tasks = "share of the job's tasks that do not run"
        if found.job is None or not found.job.lives:
            yield Indicator("stopped_tasks", 1.0, 0.0, tasks)
            return
        stopped = Indicator("stopped_tasks", 1 - found.running_share, 0.0, tasks)
        yield self._young(stopped, found, "tasks not all running yet", stopped.value)
        for name, value, lacking in (
            ("checkpoint_age_sec", found.checkpoint_age_sec, "no checkpoint yet"),
            ("watermark_age_sec", found.watermark_age_sec, "no watermark yet"),
            ("state_bytes", found.state_bytes, "no checkpoint yet"),
        ):
            if name == "watermark_age_sec" and found.figures_old:
                continue
            indicator = self._indicator(name, value)
            if name == "watermark_age_sec":
                indicator = indicator._replace(limit=self.limits[name] + slack_sec)
            yield self._young(indicator, found, lacking, value is None)
        yield Indicator("restarts", found.restarts, None, "how often it came back after a failure")

    def _young(
        self, indicator: Indicator, found: JobHealth, lacking: str, missing: object
    ) -> Indicator:
        """Returns an indicator that a job just started cannot have yet as such.

        One that fails while it starts is not young, or one that fails for ever would be well.
        """
        young = found.age_sec <= self.limits["checkpoint_age_sec"] and found.failure is None
        if not (missing and young):
            return indicator
        return indicator._replace(starting=f"{lacking}, {found.age_sec:.0f} s")

    def _indicator(self, name: str, value: float | None) -> Indicator:
        return Indicator(name, value, self.limits[name], LIMITS[name][1])


def _notes(found: JobHealth, address: str) -> Iterator[str]:
    look = f"`payments job list --flink={address}` shows those that it remembers"
    if found.job is None:
        yield f"found 0 living jobs, and none that has ended. Hint: was one submitted here? {look}"
    elif found.job.lives:
        yield found.job.describe()
        if found.figures_old:
            yield (
                "watermark_age_sec is not known: Flink no longer renews the figures of its tasks. "
                "Hint: Prometheus has them (PaymentsWatermarkOld); they are renewed again after a "
                "restart of the JobManager"
            )
    else:
        yield f"found 0 living jobs; the last was {found.job.describe()}. Hint: {look}"
    if found.failure is not None:
        yield f"last failure, {found.failure.age_sec:.0f} s ago: {found.failure}"


@contextlib.contextmanager
def _told_in(section: Section) -> Iterator[None]:
    try:
        yield
    except CannotCheck as error:
        section.problem = str(error)

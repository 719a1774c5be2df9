"""Prints progress, a line a second or so: what went in, what is queryable, how fresh, how big."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from harness.e2e_run import PARTITIONS, E2ERun
from operations import bigquery_client
from operations.errors import FlinkError
from transforms.payment.outcome import Outcome
from transforms.payment.tables import DERIVED_TABLES, OUTCOME_TABLES, SKIPPED_RECORDS


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The state of a run at one moment."""

    read_from: int  # offsets taken in Kafka: records, and markers of transactions
    rows: dict[Outcome, int]  # queryable rows per outcome
    freshness_sec: float | None  # age of the newest payment that is queryable; None before any
    state_bytes: int | None  # of the newest checkpoint; None without a job
    elapsed_sec: float

    @property
    def queryable(self) -> int:
        """Returns how many records have a row, in whichever table."""
        return sum(self.rows.values())

    def line(self) -> str:
        """Returns the snapshot as one line for people."""
        fresh = "-" if self.freshness_sec is None else f"{self.freshness_sec:.1f} s"
        state = "-" if self.state_bytes is None else f"{self.state_bytes / 1e6:.1f} MB"
        if self.read_from and not self.queryable and self.state_bytes is not None:
            return (
                f"{self.elapsed_sec:4.0f} s  offsets {self.read_from:>7}  starting: nothing is "
                "queryable before the next checkpoint"
            )
        return (
            f"{self.elapsed_sec:4.0f} s  offsets {self.read_from:>7}  accepted "
            f"{self.rows[Outcome.ACCEPTED]:>7}  duplicates {self.rows[Outcome.DUPLICATE]:>5}  "
            f"queryable {self.queryable:>7}  newest row {fresh:>7} old  state {state:>8}"
        )


class Watch:
    """Looks at a run from outside: Kafka's end offsets, BigQuery's rows, Flink's state."""

    def __init__(self, e2e_run: E2ERun, job: str | None) -> None:
        endpoints = e2e_run.endpoints
        self._e2e_run = e2e_run
        self._job = job
        self._consumer = KafkaConsumer(bootstrap_servers=endpoints["kafka"])
        self._partitions = [TopicPartition(e2e_run.topic, n) for n in range(PARTITIONS)]
        self._client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
        self._started_at = time.monotonic()

    def look(self) -> Snapshot:
        """Returns the state now."""
        rows, newest = self._rows()
        age_sec = (dt.datetime.now(dt.UTC) - newest).total_seconds() if newest else None
        return Snapshot(
            read_from=sum(self._consumer.end_offsets(self._partitions).values()),
            rows=rows,
            freshness_sec=age_sec,
            state_bytes=self._state_bytes(),
            elapsed_sec=time.monotonic() - self._started_at,
        )

    def derived_rows(self) -> int:
        """Returns how many rows of totals and indicators are queryable."""
        dataset = f"{self._e2e_run.endpoints['project']}.{self._e2e_run.name}"
        counts = " + ".join(
            f"(SELECT COUNT(*) FROM `{dataset}.{table.name}`)" for table in DERIVED_TABLES
        )
        [[rows]] = bigquery_client.rows(self._client, f"SELECT {counts}")
        return int(rows)

    def close(self) -> None:
        """Lets go of the broker."""
        self._consumer.close()

    def _rows(self) -> tuple[dict[Outcome, int], dt.datetime | None]:
        dataset = f"{self._e2e_run.endpoints['project']}.{self._e2e_run.name}"
        sql = " UNION ALL ".join(
            f"SELECT '{table.outcome.value}', COUNT(*), MAX(broker_time) "
            f"FROM `{dataset}.{table.name}`"
            for table in OUTCOME_TABLES
        )
        sql += (
            f" UNION ALL SELECT '{Outcome.SKIPPED.value}', IFNULL(SUM(record_count), 0), "
            f"MAX(last_broker_time) FROM `{dataset}.{SKIPPED_RECORDS.name}`"
        )
        found = {
            Outcome(name): (int(n), newest) for name, n, newest in self._client.query(sql).result()
        }
        newest_row = max((newest for _, newest in found.values() if newest), default=None)
        return {outcome: found[outcome][0] for outcome in Outcome}, newest_row

    def _state_bytes(self) -> int | None:
        if self._job is None:
            return None
        try:
            return self._e2e_run.flink.checkpoints(self._job).state_bytes
        except FlinkError:
            return None  # the JobManager is being killed, perhaps: the demo continues

"""Flink SQL's keep-first into BigQuery by flink-bigquery-connector 1.0.0, exactly once.

What a user would pick instead of our sink: BUFFERED streams, flushed after each checkpoint. The
connector has no setting for where BigQuery is; flink_bigquery_job/src/StandIn.java says how it is
led to the stand-in. Everything else of it runs as it was released.
"""

from __future__ import annotations

import time
from pathlib import Path

from google.cloud import bigquery

from benchmarks import meter
from benchmarks.meter import Reading
from benchmarks.peers import flink_sql, programs
from benchmarks.stage import (
    HORIZON_SEC,
    POLL_SEC,
    WARM_UP_SHARE,
    Measured,
    Stage,
    e2e_run_of,
)
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from operations import bigquery_client
from sandbox import certificates
from sandbox.layout import JAVA_HOME

_JOB = Path(__file__).parent / "flink_bigquery_job"
_HOME = programs.PEERS / "flink_bigquery"


def run(stage: Stage) -> Measured:
    """Installs it if need be, reads the topic into the table, and asks the table what is in it.

    Raises:
        HarnessError: it failed, or an id has several rows.
    """
    programs.install_java(_HOME, _JOB)
    e2e_run = e2e_run_of(stage, "flink_bigquery")
    counts = stage.folder / "meters" / e2e_run.name
    counts.mkdir(parents=True)
    table = _Table(e2e_run, stage)
    cpu_sec = programs.run(
        _command(stage, e2e_run, counts),
        stage.folder / "logs" / f"{e2e_run.name}.log",
        {},
        table.look,
    )
    table.look(at_once=True)
    rows, ids = table.rows_and_ids()
    if rows != ids:
        raise HarnessError(f"Flink SQL to BigQuery wrote {rows} rows for {ids} ids")
    handed = meter.read(counts)
    queryable = Reading(tuple(table.bundles))
    share = stage.traffic.records / stage.traffic.distinct
    stage.say(
        f"by commits alone {queryable.steady_rate(WARM_UP_SHARE) * share:,.0f} records/s; into the "
        f"sink {handed.steady_rate(WARM_UP_SHARE) * share:,.0f}"
    )
    return Measured(
        "Flink SQL to BigQuery",
        stage.traffic.records,
        ids,
        stage.traffic.distinct,
        rate_into_table(handed, queryable, WARM_UP_SHARE) * share,
        cpu_sec,
    )


def rate_into_table(handed: Reading, queryable: Reading, skipped_share: float) -> float:
    """Returns rows per second from when a share was handed to the sink until all can be queried.

    Rows come into the table at checkpoints: a run of a few of them has no rate by its commits.
    So the waiting for the last commit counts as work here. 0 without any row.
    """
    passed = 0
    for began_at, count in handed.bundles if queryable.bundles else ():
        passed += count
        if passed >= handed.total * skipped_share:
            ended_at, _ = queryable.bundles[-1]
            return (handed.total - passed) / (ended_at - began_at)
    return 0.0


class _Table:
    """Looks from outside at the rows that can be queried."""

    def __init__(self, e2e_run: E2ERun, stage: Stage) -> None:
        endpoints = e2e_run.endpoints
        self._client: bigquery.Client = bigquery_client.connect(
            endpoints["project"], endpoints["bigquery"]
        )
        self._name = f"{endpoints['project']}.{e2e_run.name}.transactions"
        self._stage = stage
        self._looked_at = 0.0
        self.bundles: list[tuple[float, int]] = []

    def look(self, at_once: bool = False) -> None:
        """Notes how many rows are new, unless it has looked a moment ago."""
        if not at_once and time.monotonic() - self._looked_at < POLL_SEC:
            return
        (count,) = self._ask("COUNT(*)")
        before = sum(each for _, each in self.bundles)
        if count > before:
            self.bundles.append((time.time(), count - before))
        self._stage.say(f"{count:>9} of {self._stage.traffic.distinct}")
        self._looked_at = time.monotonic()

    def rows_and_ids(self) -> tuple[int, int]:
        """Returns how many rows there are, and how many distinct ids in them."""
        rows, ids = self._ask("COUNT(*), COUNT(DISTINCT transaction_id)")
        return rows, ids

    def _ask(self, what: str) -> tuple[int, ...]:
        [row] = bigquery_client.rows(self._client, f"SELECT {what} FROM `{self._name}`")
        return tuple(row)


def _command(stage: Stage, e2e_run: E2ERun, counts: Path) -> list[str]:
    endpoints = e2e_run.endpoints
    return [
        str(JAVA_HOME / "bin/java"),
        "-Xmx2g",
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in flink_sql.OPENED),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        *certificates.trusted_by_java(stage.sandbox.layout),
        "-cp",
        f"{_HOME / 'classes'}:{_HOME / 'jars'}/*",
        "KeepFirstIntoBigQuery",
        endpoints["kafka"],
        e2e_run.topic,
        str(HORIZON_SEC),
        str(counts),
        str((stage.folder / "flink_bigquery_checkpoints").resolve()),
        endpoints["bigquery"],
        endpoints["project"],
        e2e_run.name,
    ]

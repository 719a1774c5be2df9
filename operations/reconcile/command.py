"""Runs `payments reconcile`; flags.py has its help."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import sys
import time
from collections.abc import Callable, Sequence

from operations import json_document, polling
from operations.errors import CannotCheck, CannotStart
from operations.reconcile import compaction, flags, kafka_side
from operations.reconcile.audit import audit
from operations.reconcile.bigquery_side import BigQuerySide
from operations.reconcile.kafka_side import KafkaSide
from operations.reconcile.ledger import Ledger
from operations.reconcile.report import Report
from operations.reconcile.scope import FULL, Scope
from operations.reconcile.settings import Dataset, ReconcileConfig, Topics
from operations.reconcile.truth import Limits
from operations.reconcile.verdicts import Verdicts, row_of
from operations.runs import limits
from operations.runs.limits import Contradicts
from payments import exit_codes
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties


def reconcile(
    config: ReconcileConfig, progress: Callable[[str], None] = lambda text: None
) -> Report:
    """Reads both sides and compares them.

    Args:
        config: what to compare.
        progress: told, in words, what is being done.

    Raises:
        CannotCheck: a service does not answer, a topic or table is missing, a ledger is broken.
    """
    with kafka_side.connected(config.topics) as kafka:
        scope = _scope(config, kafka)
        ranges = list(scope.ranges)
        # A table that is missing should be told before a million records are read.
        BigQuerySide(config.dataset, ranges).count_rows()
        with contextlib.closing(kafka.read(ranges, config.limits, progress)) as truth:
            records = truth.records
            progress(f"{records} records read from Kafka")
            arrivals_us = None if scope.kind == FULL else truth.arrivals_us or (0, -1)
            bigquery = BigQuerySide(config.dataset, truth.ranges, arrivals_us, config.limits.added)
            _wait(bigquery, records, config.wait_sec, progress)
            tables = bigquery.tables(kafka.ends)
            ledgers = [Ledger(path) for path in config.ledgers]
            ledgers += [Ledger(path, partial=True) for path in config.partial_ledgers]
            report = audit(truth, tables, ledgers, scope, progress)
        arrival = kafka.without_arrival.check("arrival", _arrival_text(config.limits))
        report = dataclasses.replace(report, checks=(*report.checks, arrival))
        compaction.check(report, kafka.compacted)
        return report


def _scope(config: ReconcileConfig, kafka: KafkaSide) -> Scope:
    scope = Scope.full(kafka.ranges())
    if config.since_last:
        return scope.from_proven(Verdicts(config.dataset).proven())
    if config.since_us is None and config.until_us is None:
        return scope
    starts, ends = (
        {} if moment_us is None else kafka.first_from(moment_us, scope.ranges)
        for moment_us in (config.since_us, config.until_us)
    )
    return scope.between(config.since_us, config.until_us, starts, ends)


def _wait(
    bigquery: BigQuerySide, records: int, wait_sec: float, progress: Callable[[str], None]
) -> None:
    """Returns when there are as many rows as records and totals to match, or the time is over."""
    until = time.monotonic() + wait_sec
    while (left_sec := until - (began_at := time.monotonic())) > 0:
        rows = bigquery.count_rows()
        progress(f"{rows} of {records} rows are queryable, waiting {left_sec:.0f} s at most")
        # More rows than records will not become fewer.
        if rows > records or (rows == records and not any(True for _ in bigquery.minutes())):
            return
        now = time.monotonic()
        time.sleep(polling.pause_sec(now - began_at, until - now))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    parser = flags.parser()
    arguments = parser.parse_args(argv)
    try:
        config = _config(arguments)
    except kafka_properties.PropertiesError as error:
        parser.error(str(error))
    if mistake := _mistake(config):
        parser.error(mistake)
    return exit_codes.run(
        lambda: _run(config, arguments),
        {Contradicts: exit_codes.USAGE},
    )


def _run(config: ReconcileConfig, arguments: argparse.Namespace) -> int:
    started_at = dt.datetime.now(dt.UTC)
    try:
        config = dataclasses.replace(config, limits=_limits(arguments))
    except CannotStart as error:  # the table runs is damaged
        raise CannotCheck(str(error)) from None
    report = reconcile(config, progress=_tell)
    row = row_of(report, config.limits, started_at, dt.datetime.now(dt.UTC))
    if arguments.json:
        json_document.show(report.document())
    else:
        print(report.text(), flush=True)
    if not arguments.no_log:
        try:
            Verdicts(config.dataset).append(row)
        except CannotCheck as error:
            raise CannotCheck(f"the verdict above was not written down: {error}") from None
    return exit_codes.WELL if report.balanced else exit_codes.FINDING


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _config(arguments: argparse.Namespace) -> ReconcileConfig:
    project, dataset = arguments.bigquery_dataset
    return ReconcileConfig(
        Topics(
            arguments.kafka_bootstrap_servers,
            arguments.kafka_topics,
            kafka_properties.load(arguments.kafka_config_file),
        ),
        Dataset(project, dataset, arguments.bigquery_endpoint),
        Limits(),
        tuple(arguments.ledger),
        tuple(arguments.partial_ledger),
        arguments.wait_sec,
        _micros(arguments.since),
        _micros(arguments.until),
        arguments.since_last,
    )


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits.of(limits.of_flags(arguments, _tell))


def _arrival_text(limits: Limits) -> str:
    whose = "its producer's" if limits.arrival.is_bounded else "the broker's"
    return f"each record carries {whose} time"


def _micros(moment: dt.datetime | None) -> int | None:
    if moment is None:
        return None
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def _mistake(config: ReconcileConfig) -> str | None:
    """Returns what is wrong with flags that are right one by one."""
    since_us, until_us = config.since_us, config.until_us
    if config.since_last and (since_us is not None or until_us is not None):
        return "--since_last begins where the last proof has ended: no --since or --until with it"
    if since_us is not None and until_us is not None and since_us >= until_us:
        return "--since must be before --until"
    return None


if __name__ == "__main__":
    sys.exit(main())

"""Runs `payments report`; flags.py has its help."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from operations import json_document
from operations.errors import CannotCheck, CannotStart
from operations.reconcile import kafka_side
from operations.reconcile.settings import Dataset, Topics
from operations.report import document, flags, gather, page
from operations.report.day import Day
from operations.report.gather import Asked
from payments import exit_codes
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    parser = flags.parser()
    arguments = parser.parse_args(argv)
    if not arguments.tables_only and not arguments.kafka_bootstrap_servers:
        parser.error("--kafka_bootstrap_servers must say where Kafka is, or --tables_only be given")
    now = dt.datetime.now(dt.UTC)
    try:
        since, until = flags.range_of(arguments.since, arguments.until, now)
    except ValueError as error:
        parser.error(str(error))
    project, name = arguments.bigquery_dataset
    dataset = Dataset(project, name, arguments.bigquery_endpoint)
    asked = Asked(dataset, arguments.kafka_topics, since, until, now)
    return exit_codes.run(
        lambda: _run(arguments, asked), {kafka_properties.PropertiesError: exit_codes.USAGE}
    )


def _run(arguments: argparse.Namespace, asked: Asked) -> int:
    with contextlib.ExitStack() as stack:
        kafka = None
        if not arguments.tables_only:
            properties = kafka_properties.load(arguments.kafka_config_file)
            topics = Topics(arguments.kafka_bootstrap_servers, asked.topics, properties)
            kafka = stack.enter_context(kafka_side.connected(topics))
        if arguments.dry_run:
            return _tell_cost(gather.cost(asked, kafka, _tell), arguments.json)
        try:
            found = gather.day(asked, kafka, _tell)
        except CannotStart as error:  # the table runs is damaged
            raise CannotCheck(str(error)) from None
    file = arguments.out
    if file is None and not arguments.json:
        file = Path(f"payments-report-{asked.since:%Y-%m-%d}.html")
    if file is not None:
        _write(file, found)
    if arguments.json:
        json_document.show(document.of(found))
    else:
        print(found.last_line(), flush=True)
    return exit_codes.WELL if found.well else exit_codes.FINDING


def _tell_cost(read_bytes: int | None, as_json: bool) -> int:
    if as_json:
        json_document.show({"read_bytes": read_bytes})
    else:
        print(f"BigQuery would read {gather.bytes_text(read_bytes)}; nothing was written")
    return exit_codes.WELL


def _write(file: Path, found: Day) -> None:
    try:
        file.write_text(page.of(found), encoding="utf-8")
    except OSError as error:
        raise CannotCheck(f"the page could not be written to {file}: {error.strerror}") from None
    _tell(f"wrote {file}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

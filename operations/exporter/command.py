"""Runs `payments exporter`; flags.py has its help."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Sequence

from operations.exporter import flags, query_cost
from operations.exporter.board import Board
from operations.exporter.looks import Looks, Places
from operations.exporter.loop import Loop
from operations.exporter.server import serve
from operations.reconcile.settings import Dataset, Topics
from payments import exit_codes
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

# A look at Kafka takes a fraction of it; one that hangs must not hold back the tables.
_KAFKA_SEC = 5.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(
        lambda: _run(arguments), {kafka_properties.PropertiesError: exit_codes.USAGE}
    )


def _run(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    loops = loops_of(arguments)
    server = serve(arguments.listen, Board(loops))
    cost = query_cost.of_a_day(
        arguments.tables_every_sec, arguments.audit_every_sec, flags.RECORDS_PER_MIN
    )
    print(f"serving http://{arguments.listen}/metrics", flush=True)
    print(f"at {flags.RECORDS_PER_MIN:,} records a minute: {cost}", file=sys.stderr, flush=True)
    ended = threading.Event()
    try:
        with _on_sigterm(ended):
            for loop in loops:
                loop.start()
            ended.wait()
    finally:
        for loop in loops:
            loop.stop()
        server.shutdown()
        server.server_close()
    return exit_codes.WELL


def loops_of(arguments: argparse.Namespace) -> list[Loop]:
    """Returns a loop for each source."""
    properties = kafka_properties.load(arguments.kafka_config_file)
    project, name = arguments.bigquery_dataset
    places = Places(
        Topics(arguments.kafka_bootstrap_servers, arguments.kafka_topics, properties),
        Dataset(project, name, arguments.bigquery_endpoint),
        arguments.flink,
        arguments.flink_job,
        arguments.window_sec,
    )
    return connected(
        places,
        arguments.kafka_every_sec,
        arguments.tables_every_sec,
        arguments.audit_every_sec,
        arguments.flink_every_sec,
    )


def connected(
    places: Places, kafka_sec: float, tables_sec: float, audit_sec: float, flink_sec: float
) -> list[Loop]:
    """Returns the loops at given rates, which wake each other where one needs another's answer."""
    looks = Looks(places)
    kafka = Loop("kafka", kafka_sec, looks.kafka)
    tables = Loop("tables", tables_sec, looks.tables)

    def ask_kafka() -> bool:
        kafka.look_anew(_KAFKA_SEC)
        return kafka.succeeds

    looks.ask_kafka = ask_kafka
    looks.wake_kafka = kafka.wake
    looks.tables_stale_sec = tables.stale_sec
    loops = [kafka, tables, Loop("audit", audit_sec, looks.audit)]
    return [*loops, Loop("flink", flink_sec, looks.flink)] if places.flink else loops


@contextlib.contextmanager
def _on_sigterm(ended: threading.Event) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, lambda *arguments: ended.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())

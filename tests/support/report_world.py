"""A day of payments on the stand-in, Kafka from memory: reports and reconciliations of the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from operations.reconcile import kafka_side
from operations.reconcile.checks import Tally
from operations.reconcile.truth import OffsetRange, Place, Reach, Truth
from operations.report import command as report
from tests.support.reconcile_world import LIMITS, World
from transforms.payment.transaction import KafkaRecord

DAY = ("--since=2026-01-01", "--until=2026-01-02")
HOSTILE = "<script>alert('x')</script>"


class FakeKafka:
    """A world as a consumer sees it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.without_arrival = Tally()
        self.compacted = lambda: []
        self.ranges = world.ranges
        self.first_from = lambda moment_us, ranges: world.first_from(moment_us)
        self.read = lambda ranges, limits, progress: world.read(ranges)

    def ends(self) -> dict[Any, int]:
        return {(span.topic, span.partition): span.end for span in self._world.ranges()}

    def batches(self, ranges: list[OffsetRange], headers: Any = ()) -> Iterator[list[KafkaRecord]]:
        reached = Truth(ranges, LIMITS)
        for record in sorted(self._world.records, key=lambda each: each[:3]):
            if reached.reach(Place(*record[:3])) is Reach.CHECKED:
                yield [record]


def connect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every command read this world in Kafka's place."""

    @contextmanager
    def connected(topics: Any) -> Iterator[FakeKafka]:
        yield FakeKafka(world)

    monkeypatch.setattr(kafka_side, "connected", connected)


def run(
    dataset: Any, capsys: pytest.CaptureFixture[str], *flags: str, out: Path | None = None
) -> tuple[int, dict[str, Any]]:
    """Returns the exit code of a report, and its document; writes the page as well, if asked."""
    capsys.readouterr()
    where = [f"--bigquery_dataset=sandbox.{dataset.name}", f"--bigquery_endpoint={dataset.address}"]
    kafka = ["--kafka_bootstrap_servers=broker:9092", "--kafka_topics=payments"]
    page = [] if out is None else [f"--out={out}"]
    code = report.main([*kafka, *where, *(flags or DAY), *page, "--json"])
    return code, json.loads(capsys.readouterr().out)


def busy_day() -> World:
    """Returns a day with all outcomes, markers between the records, and traffic by the hour."""
    world = World()
    number = 0
    for hour in range(24):
        for minute in range(0, 60, 6 if 7 <= hour <= 20 else 20):
            at_sec = hour * 3_600 + minute * 60
            number += 1
            names = {"transaction_id": f"tx-{number}", "merchant_id": f"shop-{number % 7}"}
            currency = ("EUR", "EUR", "USD", "JPY", "KWD")[number % 5]
            world.send(number % 2, at_sec, currency=currency, **names)
            if number % 9 == 0:
                world.send(number % 2, at_sec + 20, currency=currency, **names)
            if number % 37 == 0:
                world.send(0, at_sec + 40, currency=currency, **{**names, "amount_minor": 99_900})
            if number % 31 == 0:
                world.send_bytes(b"{", 1, at_sec + 50)
            if number % 43 == 0:
                old = "2025-12-31T10:00:00Z"
                world.send(
                    1, at_sec + 55, **{**names, "transaction_id": f"old-{number}"}, event_time=old
                )
            if number % 10 == 0:
                world.marker(number % 2)
    return world

"""A world for the exporter: the answers of its sources, which a test may change."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from operations.errors import CannotCheck
from operations.exporter import looks
from operations.exporter.board import Board
from operations.exporter.command import connected
from operations.exporter.looks import Places
from operations.exporter.loop import Loop
from operations.exporter.metric_names import METRICS
from operations.health.tables_side import TableHealth
from operations.health.topic_side import OpenTransaction
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import OffsetRange, Partition
from operations.reconcile.verdicts import Verdict
from operations.runs.run import Run, root
from transforms.payment.outcome import Outcome

PAIR = ("payments", 0)
NOW = dt.datetime.now(dt.UTC)
Values = dict[tuple[str, tuple[str, ...]], float]


def run(claim_id: str, **more: Any) -> Run:
    started = NOW - dt.timedelta(minutes=11)
    return Run(claim_id, claim_id, started, "me@here", "1", job_name="payments-run", **more)


def _balanced(now: dt.datetime) -> Verdict:
    return Verdict("reconciled", now - dt.timedelta(hours=1), 0, 0, 0)


class World:
    """The sources, each of which may be down."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)
        self.ranges: Sequence[OffsetRange] = [OffsetRange("payments", 0, 10, 110)]
        self.waiting: Mapping[Partition, int] = {PAIR: 3}
        self.transactions: Sequence[OpenTransaction] = ()
        self.tables = TableHealth(
            {PAIR: 107},
            None,
            {Outcome.ACCEPTED: 97, Outcome.DUPLICATE: 2, Outcome.CONFLICT: 1, Outcome.INVALID: 25},
            {PAIR: self.now - dt.timedelta(seconds=40)},
        )
        self.reasons: Mapping[str, int] = {"not_json": 25}
        self.chain: Sequence[Run] = [root("1"), run("claim")]
        self.verdict: Verdict | None = Verdict(
            "reconciled", self.now - dt.timedelta(hours=1), 0, 0, 0
        )
        self.down: set[str] = set()
        self.asked: list[dict[str, Any]] = []

    def check(self, source: str) -> None:
        if source in self.down:
            raise CannotCheck(f"{source} does not answer")

    @contextlib.contextmanager
    def connected(self, topics: object) -> Iterator[_TopicSide]:
        self.check("kafka")
        yield _TopicSide(self)

    def table_health(self, dataset: Any, ranges: Any, *rest: Any, **more: Any) -> TableHealth:
        self.check("tables")
        self.asked.append({"ranges": ranges, **more})
        return self.tables


class _TopicSide:
    def __init__(self, said: World) -> None:
        self._said = said

    def ranges(self) -> Sequence[OffsetRange]:
        return self._said.ranges

    def waiting(self, *arguments: object) -> Mapping[Partition, int]:
        return self._said.waiting

    def open_transactions(self) -> Sequence[OpenTransaction]:
        return self._said.transactions


class _Audit:
    def __init__(self, said: World) -> None:
        said.check("audit")
        self._said = said

    def rows_if_any(self) -> Sequence[Run]:
        return self._said.chain

    def newest(self) -> Verdict | None:
        return self._said.verdict


def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Puts such a world in the place of the real one."""
    said = World()
    monkeypatch.setattr(looks.topic_side, "connected", said.connected)
    monkeypatch.setattr(looks.tables_side, "table_health", said.table_health)
    monkeypatch.setattr(looks.tables_side, "recent_reasons", lambda *arguments: said.reasons)
    monkeypatch.setattr(looks, "RunsTable", lambda *arguments: _Audit(said))
    monkeypatch.setattr(looks, "Verdicts", lambda *arguments: _Audit(said))
    return said


class Rounds:
    """The loops of an exporter, which look when a test says so, and no thread."""

    def __init__(self, flink: str | None = None) -> None:
        places = Places(
            Topics("broker:9092", ("payments",)),
            Dataset("my-project", "payments"),
            flink,
            None,
            600,
        )
        self.loops = connected(places, 15, 60, 60, 15)
        kafka = self.by_source("kafka")
        kafka.look_anew = lambda wait_sec: kafka.look()  # type: ignore[method-assign]
        kafka.wake = kafka.look  # type: ignore[method-assign]

    def by_source(self, source: str) -> Loop:
        return next(loop for loop in self.loops if loop.source == source)

    def look(self) -> Values:
        for source in ("audit", "tables", "kafka", "flink"):
            for loop in self.loops:
                if loop.source == source:
                    loop.look()
        return self.values()

    def text(self) -> str:
        registry = CollectorRegistry()
        registry.register(Board(self.loops))
        return generate_latest(registry).decode()

    def values(self) -> Values:
        return values_of(self.text())


def values_of(text: str) -> Values:
    """Returns the value of each series, by its metric and its labels in the declared order."""
    return {
        (sample.name, tuple(sample.labels[name] for name in METRICS[sample.name].labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

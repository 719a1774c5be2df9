"""A trace asks the tables in BigQuery's SQL, bounded, and reads no more of Kafka than it must."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from google.auth.exceptions import DefaultCredentialsError
from kafka.structs import TopicPartition
from sqlglot.errors import OptimizeError

from operations import bigquery_client
from operations.errors import CannotCheck, NoAnswer
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Place
from operations.runs.run import ROOT, Run
from operations.tables import sql_files
from operations.trace import tables_side
from operations.trace.row import SETTLED_US, Reach, moment_of
from operations.trace.tables_side import COLUMNS, TablesSide
from operations.trace.topic_side import Held, TopicSide
from tests.support.bigquery_sql import Catalog
from tests.support.payments import SECOND_US, payload
from tests.support.traces import START_US
from transforms.kafka.reader import NoTopic, OffsetRange
from transforms.payment.outcome import Outcome

START = moment_of(START_US)
PLACES = [Place("payments", 0, 7)]
QUESTIONS = {
    "reach": lambda tables: tables.reach(["payments"], START),
    "of_id": lambda tables: tables.of_id("tx-1", START),
    "at": lambda tables: tables.at(PLACES, START),
    "replays_of": lambda tables: tables.replays_of(PLACES, START),
    "indicators": lambda tables: tables.indicators(PLACES, START),
    "totals": lambda tables: tables.totals([(START, "EUR")]),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The statements, each with its parameters; a test may say what is answered."""
    statements: list[tuple[str, dict[str, Any]]] = []

    def rows(client: Any, sql: str, settings: Any) -> Iterator[list[Any]]:
        values = {
            each.name: getattr(each, "value", None) or each.values
            for each in settings.query_parameters
        }
        statements.append((sql, values))
        return iter(client.answer)

    client = SimpleNamespace(project="project", answer=[])
    monkeypatch.setattr(bigquery_client, "connect", lambda *arguments: client)
    monkeypatch.setattr(bigquery_client, "rows", rows)
    monkeypatch.setattr(tables_side, "RunsTable", lambda *arguments: RUNS)
    return statements


class Runs:
    """As RunsTable."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.problem: Exception | None = None

    def rows_if_any(self) -> list[Run]:
        if self.problem is not None:
            raise self.problem
        return self.runs


RUNS = Runs()


@pytest.fixture(autouse=True)
def runs() -> Runs:
    RUNS.runs, RUNS.problem = [], None
    return RUNS


def a_run(name: str, **fields: Any) -> Run:
    return Run(name, name, START, "me@here", "1", **fields)


def a_side() -> TablesSide:
    return TablesSide(Dataset("project", "dataset"))


@pytest.mark.parametrize("question", list(QUESTIONS))
def test_questions_are_sql_on_columns_that_exist_bounded_by_time(
    question: str, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    QUESTIONS[question](a_side())

    [(sql, values)] = asked
    Catalog(sql_files.views()).resolve(sql)
    assert {name for name in values if f"@{name}" in sql} == set(values)
    assert values["since"] == START
    assert sql.count("@since") == sql.count("FROM `")  # each table by what it is partitioned by


def test_control_a_column_that_nobody_has_is_found(
    asked: list[tuple[str, dict[str, Any]]],
) -> None:
    QUESTIONS["at"](a_side())

    [(sql, _)] = asked
    with pytest.raises(OptimizeError):
        Catalog().resolve(sql.replace("kafka_offset AS STRING", "no_offset AS STRING"))


@pytest.mark.parametrize(("allowed_sec", "days"), [(None, 0), (60, 0), (3 * 86_400, 3)])
def test_payments_are_looked_for_as_late_as_a_run_has_allowed(
    allowed_sec: int | None, days: int, asked: list[tuple[str, dict[str, Any]]], runs: Runs
) -> None:
    runs.runs = [a_run("one"), a_run("two", allowed_lateness_sec=allowed_sec), a_run("three")]

    QUESTIONS["at"](a_side())

    [(_, values)] = asked
    late = dt.timedelta(days=days) if days else dt.timedelta(hours=1)
    assert values["event_since"] == START - late


def test_holder_is_the_newest_run_if_it_stands(
    asked: list[tuple[str, dict[str, Any]]], runs: Runs
) -> None:
    assert a_side().holder() is None
    runs.runs = [a_run(ROOT), a_run("one", followed_by="two"), a_run("two")]
    assert a_side().holder() == runs.runs[-1]
    runs.runs[-1] = a_run("two", ended_at=START)
    assert a_side().holder() is None
    runs.problem = NoAnswer("BigQuery does not answer")
    with pytest.raises(CannotCheck, match="does not answer"):
        a_side().holder()


@pytest.mark.parametrize("question", ["at", "replays_of"])
def test_nothing_is_asked_for_no_places(
    question: str, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    assert getattr(a_side(), question)([], START) == []
    assert a_side().totals([]) == []
    assert asked == []


def test_dead_letter_that_only_mentions_the_id_is_left_out(
    asked: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def letter(text: bytes) -> list[Any]:
        cells: dict[str, Any] = dict.fromkeys(COLUMNS) | {"payload": text}
        return [Outcome.INVALID.value, *cells.values()]

    answer = [
        letter(payload(currency="EURO")),
        letter(payload(merchant_id="tx-1", transaction_id="x")),
    ]
    monkeypatch.setattr(bigquery_client, "rows", lambda *arguments: iter(answer))

    [row] = a_side().of_id("tx-1", START)

    assert row.cells["payload"] == payload(currency="EURO")


def test_no_credentials_are_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*arguments: object) -> None:
        raise DefaultCredentialsError("none")

    monkeypatch.setattr(bigquery_client, "connect", connect)

    with pytest.raises(CannotCheck, match="gcloud auth"):
        a_side()


# --- Kafka ----------------------------------------------------------------------------------------


class FakeReader:
    """One partition whose records arrived a second apart, up to the start."""

    def __init__(self, start: int, end: int) -> None:
        self.span = OffsetRange("payments", 0, start, end)
        self.read_from: list[int] = []

    def ranges(self, topics: list[str]) -> list[OffsetRange]:
        if list(topics) != ["payments"]:
            raise NoTopic("topic 'other' does not exist")
        return [self.span]

    def since(self, pair: TopicPartition, time_us: int) -> int | None:
        assert pair == ("payments", 0)
        offset = self.span.end - (START_US - time_us) // SECOND_US
        return max(offset, 0) if offset < self.span.end else None

    def read(self, spans: list[OffsetRange], skip_removed: bool) -> Iterator[list[Any]]:
        [span] = spans
        assert skip_removed
        self.read_from.append(span.start)
        yield [message(offset) for offset in range(span.start, span.end)]

    def first(self, span: OffsetRange) -> Any:
        return message(span.start) if span.start % 2 else None


def message(offset: int) -> Any:
    return SimpleNamespace(
        topic="payments",
        partition=0,
        offset=offset,
        timestamp=START_US // 1_000,
        key=None,
        value=payload(transaction_id=f"tx-{offset % 10}"),
        headers=[],
    )


def kafka(start: int = 0, end: int = 2_000) -> tuple[TopicSide, FakeReader]:
    reader: Any = FakeReader(start, end)
    return TopicSide(reader, lambda pair: end + 5), reader


@pytest.mark.parametrize(
    ("offset", "held"),
    [
        (9, Held.REMOVED),
        (10, Held.NOTHING),
        (11, Held.RECORD),
        (20, Held.UNCOMMITTED),
        (24, Held.UNCOMMITTED),
        (25, Held.BEYOND),
    ],
)
def test_what_kafka_has_at_a_place_is_told_apart(offset: int, held: Held) -> None:
    side, _ = kafka(10, 20)

    looked = side.look(Place("payments", 0, offset))

    assert looked.held is held
    assert (looked.record is not None) == (held is Held.RECORD)


def test_a_partition_or_a_topic_that_is_not_there_is_told() -> None:
    side, _ = kafka()

    assert side.look(Place("payments", 1, 0)).held is Held.NO_PARTITION
    assert side.look(Place("other", 0, 0)).held is Held.NO_TOPIC


@pytest.mark.parametrize(
    ("reach", "read_from"),
    [
        ({}, 1_000),  # all since the time that was asked for
        ({("payments", 0): Reach(1_990, START)}, 1_400),  # ten minutes before the newest row
        ({("payments", 0): Reach(1_200, START)}, 1_200),  # what has no row, however old
    ],
)
def test_an_id_is_looked_for_where_tables_may_not_be(
    reach: dict[tuple[str, int], Reach], read_from: int
) -> None:
    side, reader = kafka()
    assert SETTLED_US == 600 * SECOND_US

    scan = side.of_id("tx-7", ["payments"], reach, START_US - 1_000 * SECOND_US, 10_000)

    assert reader.read_from == [read_from]
    assert scan.left_out == 0
    assert len(scan.records) == (2_000 - read_from) // 10


def test_no_more_records_are_read_than_allowed_and_the_rest_is_counted() -> None:
    side, reader = kafka(start=500)

    scan = side.of_id("tx-7", ["payments"], {}, START_US - 9_000 * SECOND_US, 100)

    assert reader.read_from == [1_900]
    assert (len(scan.records), scan.left_out) == (10, 1_400)

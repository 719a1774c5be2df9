"""The two sides: what is asked of BigQuery and of Kafka, without either."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import requests
from google.api_core import exceptions
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaConnectionError
from kafka.structs import OffsetAndTimestamp, TopicPartition

from operations import bigquery_client, kafka_client
from operations.errors import CannotCheck
from operations.reconcile import kafka_side, reach_sql, row_json
from operations.reconcile.bigquery_side import BigQuerySide
from operations.reconcile.kafka_side import KafkaSide
from operations.reconcile.rows import row_of
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import OffsetRange, Place, Reach, Truth
from tests.support import payments
from tests.support.reconcile_world import LIMITS
from transforms.kafka.reader import CannotRead, KafkaReader
from transforms.payment.tables import OUTCOME_TABLES, SKIPPED_RECORDS

RANGES = [OffsetRange("payments", 0, 5, 20), OffsetRange("refunds.v1", 3, 0, 0)]
TOPICS = Topics("broker:9092", ("payments",))


@given(
    place=st.builds(
        Place,
        st.sampled_from(["payments", "refunds.v1", "other"]),
        st.sampled_from([0, 3]),
        st.integers(0, 25),
    )
)
def test_sql_and_python_agree_on_what_is_reached(place: Place) -> None:
    sql = f"SELECT {reach_sql.of_row(RANGES)} FROM place"
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE place (kafka_topic, kafka_partition, kafka_offset)")
    database.execute("INSERT INTO place VALUES (?, ?, ?)", place)

    [[found]] = database.execute(sql)

    assert found == Truth(RANGES, LIMITS).reach(place).value


@given(
    topic=st.sampled_from(["payments", "refunds.v1", "other"]),
    partition=st.sampled_from([0, 3]),
    offsets=st.sets(st.integers(0, 25), min_size=1),
)
def test_sql_knows_how_far_a_check_reaches_a_range(
    topic: str, partition: int, offsets: set[int]
) -> None:
    """The least that it may count within the check is never more than there is."""
    first, last = min(offsets), max(offsets)
    database = sqlite3.connect(":memory:")
    database.create_function("GREATEST", 2, max)
    names = "kafka_topic, kafka_partition, first_offset, last_offset, record_count"
    database.execute(f"CREATE TABLE span ({names})")
    database.execute(
        "INSERT INTO span VALUES (?, ?, ?, ?, ?)", (topic, partition, first, last, len(offsets))
    )

    sql = f"SELECT {reach_sql.of_range(RANGES)}, {reach_sql.least_records(RANGES)} FROM span"
    [[found, least]] = database.execute(sql)

    truth = Truth(RANGES, LIMITS)
    reached = [truth.reach(Place(topic, partition, each)) for each in range(first, last + 1)]
    inside = sum(truth.reach(Place(topic, partition, each)) is Reach.CHECKED for each in offsets)
    if Reach.CHECKED in reached:
        assert found == "checked" and least <= inside
        assert least == inside or {*reached} != {Reach.CHECKED}
    else:
        assert Reach(found) in reached and least == len(offsets)


@pytest.mark.parametrize("table", (*OUTCOME_TABLES, SKIPPED_RECORDS), ids=lambda table: table.name)
def test_query_asks_for_every_column_that_a_row_needs(table: Any) -> None:
    asked = {
        part.rpartition(" AS ")[2]
        for part in row_json.columns_of(table.outcome, table.columns).split(", ")
    }
    cells: dict[str, Any] = dict.fromkeys(asked, "1") | {"outcome": table.outcome.value}
    cells |= dict.fromkeys(asked & {"key", "payload"})

    assert row_of(cells).place == Place("1", 1, 1)  # a KeyError would name what is missing
    not_compared = {"ingested_at", "pipeline_version", "detail", "step"}
    assert asked == {"outcome", *table.column_names} - not_compared


class _Answer(list):
    def result(self, **_: Any) -> _Answer:
        return self


class FakeBigQuery:
    """Answers a query by the first word in it that is known."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def query(self, sql: str, **_: Any) -> _Answer:
        self.asked.append(sql)
        answer = next(answer for word, answer in self._answers.items() if word in sql)
        if isinstance(answer, Exception):
            raise answer
        return _Answer(answer)


def side(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> BigQuerySide:
    fake = FakeBigQuery(answers)
    monkeypatch.setattr(bigquery_client, "connect", lambda project, endpoint: fake)
    return BigQuerySide(Dataset("shop", "payments", "localhost:1"), RANGES)


def test_rows_beyond_the_end_are_told_from_newer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    bigquery = side(
        monkeypatch,
        {
            "WITH newest": [[60_000_000, "EUR", 2, "12.5", 1, "7.5"]],
            "TO_JSON_STRING": [],
            "DISTINCT": [[7, 6]],
            "AS STRING) FROM": [["EUR", 2, "12.500000000"]],
            "QUALIFY": [["tx-1", 1, "payments", 0, 6], ["tx-1", 2, "payments", 0, 7]],
            "GROUP BY 1": [["expired", 3], ["expired", 1], ["checked", 9], ["other topic", 2]],
            "MAX(": [["payments", 0, 2, 21]],
            "IFNULL(SUM(records)": [[1]],
            "kafka_offset >= 21": [["payments", 0, 21]],
        },
    )

    answers = bigquery.tables(lambda: {("payments", 0): 21})

    assert answers.outside[:3] == (4, 2, 1)
    assert list(answers.outside.beyond_end) == [Place("payments", 0, 21)]
    assert (answers.accepted_rows, answers.accepted_ids) == (7, 6)
    assert [str(line.amount) for line in answers.sums] == ["12.500000000"]
    assert [row.place.offset for row in answers.repeated] == [6, 7]
    assert list(answers.rows) == []
    assert list(answers.minutes) == [(60_000_000, "EUR", 2, Decimal("12.5"), 1, Decimal("7.5"))]


def test_only_rows_in_reach_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = [["checked", 5], ["checked", 2], ["expired", 100], ["newer", 9]]

    assert side(monkeypatch, {"GROUP BY 1": counts}).count_rows() == 7


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (exceptions.NotFound("Table\nshop"), "is missing: Table shop. Hint: `payments tab"),
        (exceptions.BadRequest("no such column"), "BigQuery refused: no such column"),
        (requests.ConnectionError(), "does not answer at localhost:1"),
        (exceptions.RetryError("", None), "does not answer at localhost:1"),
    ],
)
def test_bigquery_that_cannot_be_asked_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    with pytest.raises(CannotCheck) as raised:
        side(monkeypatch, {"GROUP BY 1": error}).count_rows()

    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


class Message(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int = payments.START_US // 1000
    key: bytes | None = b"key"
    value: bytes | None = b"{"
    headers: tuple = ()
    timestamp_type: int = 1


class FakeConsumer:
    """Holds messages by offset; an offset without one is a marker, which only moves the position.

    `deleted_while_read` is where the partition begins when it has been read.
    """

    def __init__(self, offsets: list[int], end: int, deleted_while_read: int = 0) -> None:
        self._offsets = offsets
        self._end = end
        self._starts = iter([0, deleted_while_read])
        self._position: dict[TopicPartition, int] = defaultdict(int)
        self.paused: set[TopicPartition] = set()

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return {0} if topic == "payments" else None

    def beginning_offsets(
        self, pairs: list[TopicPartition], timeout_ms: int = 0
    ) -> dict[TopicPartition, int]:
        return dict.fromkeys(pairs, next(self._starts))

    def end_offsets(
        self, pairs: list[TopicPartition], timeout_ms: int = 0
    ) -> dict[TopicPartition, int]:
        return dict.fromkeys(pairs, self._end)

    def offsets_for_times(
        self, asked: dict[TopicPartition, int], timeout_ms: int = 0
    ) -> dict[TopicPartition, Any]:
        self.asked = asked
        return dict.fromkeys(asked, self.found)

    def assign(self, pairs: list[TopicPartition]) -> None:
        self._assigned = pairs

    def assignment(self) -> list[TopicPartition]:
        return self._assigned

    def seek(self, pair: TopicPartition, offset: int) -> None:
        self._position[pair] = offset

    def position(self, pair: TopicPartition, timeout_ms: int = 0) -> int:
        return self._position[pair]

    def resume(self, *pairs: TopicPartition) -> None:
        self.paused -= set(pairs)

    def pause(self, pair: TopicPartition) -> None:
        self.paused.add(pair)

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Message]]:
        pair = TopicPartition("payments", 0)
        start = self._position[pair]
        self._position[pair] = min(start + 3, self._end + 2)  # and what arrives meanwhile
        found = [offset for offset in self._offsets if start <= offset < start + 3]
        return {pair: [Message("payments", 0, offset) for offset in found]} if found else {}


def read(consumer: FakeConsumer, stall_sec: float = 60) -> Truth:
    kafka = KafkaSide(TOPICS, KafkaReader("broker:9092", consumer, stall_sec=stall_sec))
    return kafka.read(kafka.ranges(), LIMITS, progress=lambda text: None)


def test_reading_ends_at_the_end_even_where_only_markers_are() -> None:
    consumer = FakeConsumer([0, 1, 3], end=9)

    truth = read(consumer)

    assert [entry.place.offset for _, entry in truth.entries()] == [0, 1, 3]
    assert consumer.paused == {TopicPartition("payments", 0)}


def test_what_arrives_after_the_start_is_not_checked() -> None:
    truth = read(FakeConsumer([0, 1, 2, 3, 4, 5], end=4))

    assert [entry.place.offset for _, entry in truth.entries()] == [0, 1, 2, 3]


def test_what_expires_during_the_reading_is_not_checked() -> None:
    truth = read(FakeConsumer([0, 1, 2, 3], end=4, deleted_while_read=2))

    assert truth.ranges == [OffsetRange("payments", 0, 2, 4)]
    assert truth.records == 2


def test_arrival_is_kept_in_microseconds() -> None:
    [(_, entry)] = read(FakeConsumer([0], end=1)).entries()

    assert entry.content.broker_time_us == payments.START_US


@pytest.mark.parametrize(("found", "offset"), [(OffsetAndTimestamp(3, 1_000, -1), 3), (None, 9)])
def test_moment_becomes_the_offset_of_the_first_record_then_or_later(
    found: OffsetAndTimestamp | None, offset: int
) -> None:
    consumer = FakeConsumer([0, 3], end=9)
    consumer.found = found
    kafka = KafkaSide(TOPICS, KafkaReader("broker:9092", consumer))

    assert kafka.first_from(999_001, kafka.ranges()) == {("payments", 0): offset}
    assert list(consumer.asked.values()) == [1_000]  # no record of 999 ms


def test_topic_that_does_not_exist_cannot_be_checked() -> None:
    reader = KafkaReader("broker:9092", FakeConsumer([], end=0))
    kafka = KafkaSide(Topics("broker:9092", ("nope",)), reader)

    with pytest.raises(CannotRead, match="topic 'nope' does not exist at broker:9092"):
        kafka.ranges()


def test_broker_that_falls_silent_is_told_with_what_is_waited_for() -> None:
    class Silent(FakeConsumer):
        def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Message]]:
            return {}

    with pytest.raises(CannotRead, match=r"payments\[0\] stands at 0 of 4"):
        read(Silent([0], end=4), stall_sec=0)


def test_broker_that_goes_away_is_told_and_the_consumer_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = []

    class Closable:
        def partitions_for_topic(self, topic: str) -> set[int]:
            raise KafkaConnectionError("gone")

        def close(self, autocommit: bool) -> None:
            closed.append(autocommit)

    monkeypatch.setattr(kafka_client, "consumer", lambda *arguments: Closable())

    with (
        pytest.raises(CannotCheck, match="Kafka at broker:9092 failed: KafkaConnectionError"),
        kafka_side.connected(TOPICS) as kafka,
    ):
        kafka.ranges()

    assert closed == [False]


def test_broker_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*arguments: object) -> None:
        raise kafka_client.Unreachable("no Kafka broker answers")

    monkeypatch.setattr(kafka_client, "consumer", nobody)

    with (
        pytest.raises(CannotCheck, match="no Kafka broker answers"),
        kafka_side.connected(TOPICS),
    ):
        pass

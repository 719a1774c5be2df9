"""Recovery from where the tables end: what is read, what is refused."""

import contextlib
from types import SimpleNamespace

import pytest
from kafka.structs import OffsetAndMetadata, TopicPartition

from operations.errors import CannotStart
from pipeline.launch import start_offsets
from pipeline.launch.held_tables import Held
from pipeline.launch.recover.recovery import check_nothing_lost
from pipeline.launch.recover.topic_records import gaps
from transforms.kafka import topic_watch
from transforms.kafka.topic_watch import PartitionsAdded, Topic, TopicRemade, TopicWatch
from transforms.read_kafka import KafkaSource, OffsetRange

NOW = [OffsetRange("payments", 0, 10, 20)]


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ([], [(10, 20)]),
        ([(10, 20)], []),
        ([(10, 12)], [(12, 20)]),
        ([(12, 14), (16, 17)], [(10, 12), (14, 16), (17, 20)]),
        ([(18, 20)], [(10, 18)]),
    ],
)
def test_gaps_are_what_no_table_holds(
    covered: list[tuple[int, int]], expected: list[tuple[int, int]]
) -> None:
    islands = [OffsetRange("payments", 0, *each) for each in covered]
    elsewhere = [OffsetRange("payments", 1, 10, 20)]

    found = gaps(NOW, [*islands, *elsewhere])

    assert found == [OffsetRange("payments", 0, *each) for each in expected]


@pytest.mark.parametrize("end", [10, 15, 20])
def test_tables_that_end_within_the_topic_have_lost_nothing(end: int) -> None:
    check_nothing_lost(NOW, {("payments", 0): Held(5, end)})


def test_offsets_that_retention_removed_are_named() -> None:
    with pytest.raises(CannotStart, match=r"payments\[0\] offsets 7 to 9 \(3\)"):
        check_nothing_lost(NOW, {("payments", 0): Held(5, 7)})


def test_topic_that_was_made_anew_is_told() -> None:
    with pytest.raises(CannotStart, match="up to offset 20, but the topic ends at 20"):
        check_nothing_lost(NOW, {("payments", 0): Held(5, 21)})


@pytest.mark.parametrize(
    ("note", "with_state", "end"),
    [
        ("shards=16 records_end=7", False, 10),  # nothing but markers from 7 to 9
        ("records_end=3", False, 10),
        ("shards=16 records_end=8", False, 7),  # 7 was a record
        ("shards=16", False, 7),
        ("", False, 7),
        ("shards=16 records_end=8", True, 10),  # the state has read it, its flush is to come
        ("", True, 10),
    ],
)
def test_end_moves_behind_what_is_known_to_be_no_record(
    monkeypatch: pytest.MonkeyPatch, note: str, with_state: bool, end: int
) -> None:
    committed = {TopicPartition("payments", 0): OffsetAndMetadata(10, note, -1)}
    admin = SimpleNamespace(list_group_offsets=lambda groups: {groups[0]: committed})
    monkeypatch.setattr(start_offsets, "_admin", lambda source: contextlib.nullcontext(admin))
    source = KafkaSource("nowhere:0", ("payments",), group="payments-p.d")
    held = {("payments", 0): Held(5, 7), ("payments", 1): Held(5, 7)}

    moved = start_offsets.behind_markers(source, held, with_state=with_state)

    assert moved == {("payments", 0): Held(5, end), ("payments", 1): Held(5, 7)}


def test_partition_that_no_table_knows_is_new() -> None:
    check_nothing_lost(NOW, {("payments", 1): Held(5, 3)})


def watch(monkeypatch: pytest.MonkeyPatch, *there: int, topic_id: str = "A") -> TopicWatch:
    monkeypatch.setattr(topic_watch, "_ASK_EVERY_SEC", 0.0)
    return TopicWatch(
        [("payments", 0), ("payments", 1)],
        {"payments": "A"},
        lambda: {"payments": Topic(topic_id, frozenset(there))},
    )


def test_same_topic_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, 0, 1).check()


def test_topic_made_anew_is_named_with_both_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TopicRemade, match=r"'payments'.*id of it is B, it was A"):
        watch(monkeypatch, 0, 1, topic_id="B").check()


def test_broker_without_topic_ids_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, 0, 1, topic_id="").check()


def test_added_partitions_are_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PartitionsAdded, match=r"payments\[2\], payments\[3\].*--start_from_tables"):
        watch(monkeypatch, 0, 1, 2, 3).check()


def test_it_is_not_asked_at_every_bundle() -> None:
    asked: list[bool] = []
    watch = TopicWatch([("payments", 0)], {}, lambda: asked.append(True) or {})
    for _ in range(3):
        watch.check()

    assert asked == [True]

"""In how many shards a state lies is read back from where a start wrote it down, or not at all."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import pytest
from kafka.structs import OffsetAndMetadata, TopicPartition

from pipeline import start, start_offsets
from pipeline.config import PipelineConfig
from transforms import BigQuerySink, KafkaSource

SOURCE = KafkaSource("nowhere:0", ("payments",), group="payments-p.d")


def config(**changes) -> PipelineConfig:
    return PipelineConfig(
        "FlinkRunner", SOURCE, BigQuerySink("p", "d"), 300_000_000, 3_600_000_000, **changes
    )


@pytest.fixture
def notes(monkeypatch):
    """Gives a function that says what Kafka holds beside the offsets of each partition."""

    def hold(*held: str | None, topic: str = "payments") -> None:
        offsets = {
            TopicPartition(topic, number): OffsetAndMetadata(0, note, -1)
            for number, note in enumerate(held)
        }
        admin = SimpleNamespace(list_group_offsets=lambda groups: {groups[0]: offsets})
        monkeypatch.setattr(start_offsets, "_admin", lambda source: contextlib.nullcontext(admin))

    return hold


@pytest.mark.parametrize(
    ("held", "shards"),
    [
        (("shards=16", "shards=16"), 16),
        (("shards=16", ""), 16),
        (("shards=16 records_end=3", "records_end=0"), 16),
        (("shards=160",), None),
        ((None, "shards=8"), 8),
        ((), None),
        (("",), None),
        (("shards=x", "shards=7", "other=8"), None),
        (("shards=8", "shards=16"), None),  # two starts: nobody can tell which is the state's
    ],
)
def test_number_is_what_was_written_down_or_unknown(notes, held, shards) -> None:
    notes(*held)
    assert start_offsets.shards_of_state(SOURCE) == shards


def test_topic_that_is_no_longer_read_tells_nothing(notes) -> None:
    notes("shards=16", topic="another")
    assert start_offsets.shards_of_state(SOURCE) is None


def test_state_decides_unless_a_flag_says_otherwise(notes, caplog) -> None:
    notes("shards=16")
    assert start._with_shards_of_state(config()).shards == 16
    asked = config(shards=32, shards_asked_for=True)
    assert start._with_shards_of_state(asked).shards == 32
    assert "16 shards, --shards=32 asks for others" in caplog.text


def test_state_that_kafka_has_forgotten_is_told(notes, caplog) -> None:
    notes()
    assert start._with_shards_of_state(config()).shards == 8
    assert "give --shards=N" in caplog.text

"""Bounds of a topic's times are read from its settings, old names too; others are refused."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from operations.errors import CannotStart
from operations.runs.run import Run
from pipeline.config import PipelineConfig
from pipeline.config_values import ConfigError
from pipeline.launch import preflight
from pipeline.launch.door import with_state_of
from transforms import BigQuerySink, KafkaSource
from transforms.kafka import topic_times, topic_watch
from transforms.kafka.topic_times import AFTER, BEFORE, DIFFERENCE, TYPE, Times, times_of
from transforms.kafka.topic_watch import BoundsChanged, Topic, TopicWatch
from transforms.payment.arrival import BOUNDED_CREATE, BY_BROKER, Arrival
from transforms.read_kafka import SLACK_SETTING, consumer_config

NONE = str(2**63 - 1)
CREATE = {TYPE: "CreateTime"}
BOUNDED = Arrival(BOUNDED_CREATE, 60)


@pytest.mark.parametrize(
    ("settings", "before_ms", "after_ms"),
    [
        ({BEFORE: "1000", AFTER: "50"}, 1_000, 50),
        ({BEFORE: NONE, AFTER: "3600000"}, None, 3_600_000),  # Kafka 4's own
        ({BEFORE: NONE, AFTER: NONE, DIFFERENCE: NONE}, None, None),
        ({DIFFERENCE: "700"}, 700, 700),  # before Kafka 3.6
        ({BEFORE: NONE, AFTER: NONE, DIFFERENCE: "700"}, 700, 700),
        ({BEFORE: "10", AFTER: NONE, DIFFERENCE: "700"}, 10, 700),
        ({BEFORE: "0", AFTER: "0"}, 0, 0),
        ({}, None, None),
    ],
)
def test_bounds_are_what_the_broker_goes_by(
    settings: dict[str, str], before_ms: int | None, after_ms: int | None
) -> None:
    assert times_of(CREATE | settings) == Times("CreateTime", before_ms, after_ms)


def test_widest_bounds_of_all_topics_count_in_whole_seconds() -> None:
    times = [Times("CreateTime", 1_000, 70_000), Times("CreateTime", 5_001, 1)]

    assert topic_times.slack_sec(times) == 76  # 5.001 + 70


def problems(required: Arrival, **settings: str) -> list[str]:
    given = {"cleanup.policy": "delete", **CREATE, **{_NAMES[k]: v for k, v in settings.items()}}
    return list(preflight._problems_of_topic("events", given, required))


_NAMES = {"kind": TYPE, "before": BEFORE, "after": AFTER}
WAYS = ("LogAppendTime", "payments topic copy", "docs/launch.md")


def test_bounded_topic_is_taken() -> None:
    assert problems(BOUNDED, before="1000", after="1000") == []
    assert problems(BY_BROKER, kind="LogAppendTime") == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"before": NONE, "after": "1000"}, [BEFORE]),
        ({"before": "1000", "after": NONE}, [AFTER]),
        ({}, [BEFORE, AFTER]),
    ],
)
def test_what_is_not_bounded_is_refused(settings: dict[str, str], named: list[str]) -> None:
    [said] = problems(BOUNDED, **settings)

    assert f"must have {' and '.join(named)} with arrival: bounded_create_time, got none" in said
    for way in WAYS:
        assert way in said


def test_broker_time_is_the_stronger_choice() -> None:
    [said] = problems(BOUNDED, kind="LogAppendTime", before="1000", after="1000")

    assert "the contract says arrival: log_append_time" in said


def test_producers_times_are_refused_with_the_bounds_that_are_there() -> None:
    [unbounded] = problems(BY_BROKER)
    [bounded] = problems(BY_BROKER, before="1000", after="1000")

    assert "must have message.timestamp.type=LogAppendTime, got CreateTime" in unbounded
    assert "within 2 s, arrival: bounded_create_time" in bounded
    assert "bounded_create_time" not in unbounded
    for way in WAYS:
        assert way in unbounded


def watch(required: Arrival, **times: Times) -> TopicWatch:
    topics = {name: Topic("id", frozenset({0}), each) for name, each in times.items()}
    return TopicWatch([(name, 0) for name in times], {}, lambda: topics, required)


def test_job_stops_when_bounds_are_widened_or_removed() -> None:
    for times, told in (
        (Times("CreateTime", 60_000, 1), "wider bounds"),
        (Times("CreateTime", None, 1), f"no bound any more: {BEFORE}"),
    ):
        with pytest.raises(BoundsChanged, match=told):
            watch(BOUNDED, events=times).check()


def test_job_goes_on_while_bounds_are_as_wide_or_narrower() -> None:
    watch(BOUNDED, events=Times("CreateTime", 50_000, 10_000)).check()
    watch(BOUNDED, events=Times("CreateTime", 1, 1)).check()
    watch(BY_BROKER, events=Times("CreateTime", None, None)).check()  # records are looked at


def config(arrival: Arrival, **changes: object) -> PipelineConfig:
    sink = BigQuerySink("p", "d", 1, None, "t")
    source = KafkaSource("b:1", ("events",), arrival=arrival)
    made = PipelineConfig("FlinkRunner", source, sink, 300_000_000, 3_600_000_000)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def run_with(arrival: str | None, slack_sec: int | None) -> Run:
    now = dt.datetime.now(dt.UTC)
    return Run("c", "before", now, "me", "1", arrival=arrival, arrival_slack_sec=slack_sec)


def test_horizon_is_longer_by_the_bounds() -> None:
    assert config(BY_BROKER).horizon_us == 3_900_000_000
    assert config(BOUNDED).horizon_us == 3_960_000_000
    with pytest.raises(ConfigError, match=r"must be at most .* together"):
        config(BY_BROKER).arriving(Arrival(BOUNDED_CREATE, 300 * 86_400))


def test_state_is_kept_with_the_bounds_that_it_was_made_with() -> None:
    narrower = with_state_of([run_with(BOUNDED_CREATE, 90)], config(BOUNDED, continues=True))
    assert narrower.source.arrival == Arrival(BOUNDED_CREATE, 90)

    with pytest.raises(CannotStart, match=r"wider .* together 60 s, they were 30 s"):
        with_state_of([run_with(BOUNDED_CREATE, 30)], config(BOUNDED, continues=True))
    with pytest.raises(CannotStart, match="was made with log_append_time"):
        with_state_of([run_with("log_append_time", 0)], config(BOUNDED, continues=True))


def test_launch_without_state_or_of_a_version_before_takes_what_is_there() -> None:
    for run, made in (
        (run_with(BOUNDED_CREATE, 30), config(BOUNDED)),
        (run_with(None, None), config(BOUNDED, continues=True)),
    ):
        assert with_state_of([run], made) == made


def test_java_is_told_the_slack_and_nothing_of_a_topic_with_the_brokers_time() -> None:
    assert consumer_config(config(BOUNDED).source)[SLACK_SETTING] == "60000"
    assert SLACK_SETTING not in consumer_config(config(BY_BROKER).source)


def test_watch_asks_for_times_only_where_they_are_bounded() -> None:
    assert topic_watch.Topic("id", frozenset()).times is None

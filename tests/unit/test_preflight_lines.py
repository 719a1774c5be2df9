"""All that is wrong with the surroundings is told at once, and a wait is told before it is over."""

from __future__ import annotations

import time

import pytest

from operations import kafka_client
from pipeline.config import PipelineConfig
from pipeline.launch import preflight
from pipeline.launch.preflight import PreflightError
from transforms import BigQuerySink, KafkaSource
from transforms.kafka import slow


def config(**changes: object) -> PipelineConfig:
    source = KafkaSource("b:1", ("payments",), expansion_service="e:1")
    sink = BigQuerySink("my-project", "payments", endpoint="127.0.0.1:1")
    fields = {"job_endpoint": "j:1", **changes}
    return PipelineConfig("FlinkRunner", source, sink, 1, 1, **fields)  # type: ignore[arg-type]


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: object) -> None:
        raise PreflightError(f"{arguments[0]} is wrong")

    def topics(*arguments: object) -> None:
        raise PreflightError("topic 'a' does not exist", "topic 'b' does not exist")

    monkeypatch.setattr(preflight, "_check_grpc", wrong)
    monkeypatch.setattr(preflight, "_check_topics", topics)

    with pytest.raises(PreflightError) as refused:
        preflight.check(config(), ())

    problems = refused.value.problems
    assert [each.partition(" is wrong")[0] for each in problems[:2]] == [
        "--expansion_service",
        "--job_endpoint",
    ]
    assert [each[:9] for each in problems[2:4]] == ["topic 'a'", "topic 'b'"]
    # Its tables are not asked for, which would take a quarter of a minute.
    assert problems[4].startswith("--bigquery_endpoint: nothing answers")
    assert len(problems) == 5
    assert f"error: {refused.value}".count("error: ") == 5


def test_nothing_wrong_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_check_grpc", "_check_topics", "_check_listening", "_check_tables"):
        monkeypatch.setattr(preflight, name, lambda *arguments: None)
    monkeypatch.setattr(preflight, "_check_topics", lambda source: source.arrival)

    assert preflight.check(config(), ()) == config()


def test_broker_that_does_not_answer_is_told_while_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kafka_client, "BROKER_TIMEOUT_MS", 2_500)
    began = time.monotonic()

    with pytest.raises(kafka_client.Unreachable):
        kafka_client.consumer("127.0.0.1:1", {})

    assert slow.WONDER_SEC < 2
    assert time.monotonic() - began > slow.WONDER_SEC
    said = capsys.readouterr().err
    assert said == "waiting for a Kafka broker at 127.0.0.1:1, for at most 2 s\n"


def test_what_is_quick_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with slow.told("waiting", after_sec=60):
        pass

    assert capsys.readouterr().err == ""

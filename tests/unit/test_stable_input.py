"""Steps that need stable input are found where they are, and a graph without any is refused."""

import pytest
from apache_beam.portability.api import beam_runner_api_pb2

from pipeline import runners
from tests.support.graph_run import GraphRun


def stable(pipeline: beam_runner_api_pb2.Pipeline) -> list[str]:
    """Returns the names of the steps whose input must be stable."""
    found = []
    for transform in pipeline.components.transforms.values():
        if transform.spec.urn == "beam:transform:pardo:v1":
            payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
            if payload.requires_stable_input:
                found.append(transform.unique_name)
    return found


def test_flush_alone_waits_for_its_checkpoint() -> None:
    run = GraphRun()
    pipeline = run.build().to_runner_api()
    assert stable(pipeline) == []

    held = runners.hold_until_checkpoint(pipeline)

    sink = run.config.sink
    assert held == [f"WriteBigQuery to {sink.project}.{sink.dataset}/FlushRows/Flush"]
    assert stable(pipeline) == held
    assert "beam:requirement:pardo:stable_input:v1" in pipeline.requirements


def test_graph_whose_sink_declares_nothing_is_refused() -> None:
    pipeline = GraphRun().build().to_runner_api()
    for transform in pipeline.components.transforms.values():
        transform.annotations.clear()

    with pytest.raises(runners.NotExactlyOnce, match="FlushRows"):
        runners.hold_until_checkpoint(pipeline)

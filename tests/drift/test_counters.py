"""Every counter has its name in the contract, once, and no two steps of a job count by one name.

Beam on Flink registers a counter for each operator, not for each step: of two steps that are fused
into one operator and count by one name, the second overwrites what the first has counted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import Metrics
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor

import transforms
from pipeline import graph
from pipeline.config import PipelineConfig
from transforms import BigQuerySink, DecodeTransaction, KafkaSource
from transforms.codecs.contract import shipped
from transforms.codecs.contract.decoder import Decoder
from transforms.deduplicate import StateLayout
from transforms.payment.metric_names import CounterName
from transforms.payment.rules import Rules

STEPS = Path(transforms.__file__).parent


def test_every_counter_has_its_name_in_the_contract_and_is_used() -> None:
    made = {name for path in STEPS.rglob("*.py") for name in counters_of(path.read_text())}

    assert made == set(get_args(CounterName))


def test_no_step_makes_a_metric_of_its_own() -> None:
    makers = [path.name for path in STEPS.rglob("*.py") if "Metrics." in path.read_text()]

    assert makers == ["metrics.py"]


def test_control_a_counter_that_no_step_makes_is_found() -> None:
    assert counters_of('self._read = metrics.counter("records_read")') == {"records_read"}
    assert counters_of("class Quiet: ...") == set()


@pytest.mark.parametrize("layout", ["sharded", "per_id"])
def test_no_two_steps_of_a_job_count_by_one_name(layout: StateLayout) -> None:
    root = beam.Pipeline()
    graph.build(root, whole(layout))

    counting = steps_by_counter(root)

    assert counting.keys() == set(get_args(CounterName))
    assert {name: steps for name, steps in counting.items() if len(steps) > 1} == {}


def test_control_two_steps_that_count_by_one_name_are_found() -> None:
    root = beam.Pipeline()
    records = root | beam.Create([[]])
    for label in ("One", "Other"):
        _ = records | label >> DecodeTransaction(Decoder(shipped.native()), Rules(0))

    steps = steps_by_counter(root)["records_invalid"]
    assert [label.partition("/")[0] for label in steps] == ["One", "Other"]


def whole(layout: StateLayout) -> PipelineConfig:
    return PipelineConfig(
        runner="DirectRunner",
        source=KafkaSource("nowhere:0", ("payments",), ranges=()),
        sink=BigQuerySink("project", "dataset"),
        clock_skew_us=0,
        allowed_lateness_us=0,
        dedup_state=layout,
    )


class _Leaves(PipelineVisitor):
    def __init__(self) -> None:
        self.found: list[AppliedPTransform] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.found.append(transform_node)


def steps_by_counter(root: beam.Pipeline) -> dict[str, list[str]]:
    """Returns the labels of the steps that count by each name."""
    leaves = _Leaves()
    root.visit(leaves)
    counting: dict[str, list[str]] = {}
    for each in leaves.found:
        for name in counters_in(vars(getattr(each.transform, "fn", object))):
            counting.setdefault(name, []).append(each.full_label)
    return counting


def counters_in(fields: Any) -> Iterator[str]:
    """Yields the names of the counters that a DoFn holds, in dictionaries too."""
    for value in fields.values():
        if isinstance(value, Metrics.DelegatingCounter):
            yield value.metric_name.name
        elif isinstance(value, dict):
            yield from counters_in(value)


def counters_of(code: str) -> set[str]:
    """Returns the names in calls of metrics.counter(…); they must be literals."""
    return {
        ast.literal_eval(call.args[0])
        for call in ast.walk(ast.parse(code))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func) == "metrics.counter"
    }

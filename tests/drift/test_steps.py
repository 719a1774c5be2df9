"""The lists that the contract keeps are what the code does: steps, counters, tables, reasons."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import get_args

import apache_beam as beam
import pytest
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor

import transforms
from tests.support.graph_run import GraphRun
from transforms.contract.metric_names import CounterName
from transforms.contract.outcome import Outcome
from transforms.contract.table_schema import OUTCOME_TABLES

STEPS = Path(transforms.__file__).parent


def test_steps_are_listed_in_the_order_in_which_the_graph_uses_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = classes_in_order(GraphRun(monkeypatch).build())

    listed = [name for name in transforms.__all__ if is_step(getattr(transforms, name))]
    assert listed == used


def test_order_of_the_graph_is_seen_whatever_the_list_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: two steps exchanged in a pipeline come out exchanged."""
    root = GraphRun(monkeypatch).build()
    used = classes_in_order(root)

    assert used[0] == "ReadKafka"
    assert used.index("DecodeTransaction") < used.index("Deduplicate") < used.index("FormatRow")
    assert used != sorted(used)


def test_every_outcome_has_exactly_one_table_and_the_graph_writes_to_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Counter(table.outcome for table in OUTCOME_TABLES) == Counter(Outcome)

    labels = labels_of(GraphRun(monkeypatch).build())
    for table in OUTCOME_TABLES:
        assert sum(label.rpartition("/")[2] == f"Write {table.name}" for label in labels) == 1


def test_every_counter_has_its_name_in_the_contract_and_is_used() -> None:
    made = {name for path in STEPS.glob("*.py") for name in counters_of(path.read_text())}

    assert made == set(get_args(CounterName))


def test_no_step_makes_a_metric_of_its_own() -> None:
    makers = [path.name for path in STEPS.rglob("*.py") if "Metrics." in path.read_text()]

    assert makers == ["metrics.py"]


def test_counter_that_no_step_makes_is_found() -> None:
    """Control of the two above."""
    assert counters_of('self._read = metrics.counter("records_read")') == {"records_read"}
    assert counters_of("class Quiet: ...") == set()


class _Uses(PipelineVisitor):
    def __init__(self) -> None:
        self.steps: list[AppliedPTransform] = []

    def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
        self.steps.append(transform_node)


def labels_of(root: beam.Pipeline) -> list[str]:
    """Returns the full labels of all composite steps, in the order of use."""
    uses = _Uses()
    root.visit(uses)
    return [step.full_label for step in uses.steps]


def classes_in_order(root: beam.Pipeline) -> list[str]:
    """Returns the classes of our steps, each at its first use."""
    uses = _Uses()
    root.visit(uses)
    classes = [type(step.transform) for step in uses.steps]
    return list(dict.fromkeys(each.__name__ for each in classes if is_step(each)))


def is_step(each: type) -> bool:
    return issubclass(each, beam.PTransform) and each.__module__.startswith("transforms.")


def counters_of(source: str) -> set[str]:
    """Returns the names in calls of metrics.counter(…); they must be literals."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {
        ast.literal_eval(call.args[0])
        for call in calls
        if ast.unparse(call.func) == "metrics.counter"
    }

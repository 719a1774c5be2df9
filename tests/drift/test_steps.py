"""The lists that the contract keeps are what the code does: steps, tables, outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor

import transforms
from operations.rollout import flink_jobs
from tests.support.graph_run import GraphRun
from transforms.payment.outcome import Outcome
from transforms.payment.tables import OUTCOME_TABLES, SKIPPED_RECORDS, TABLES


def test_steps_are_listed_once_and_in_the_order_in_which_a_record_passes_them() -> None:
    used = steps_of(GraphRun().build_of())
    listed = [name for name in transforms.__all__ if is_step(getattr(transforms, name))]

    assert sorted(listed) == sorted({class_of(step) for step in used})
    assert out_of_order(used, listed) == set()


def test_two_steps_exchanged_in_the_list_are_found() -> None:
    """Control of the test above."""
    used = steps_of(GraphRun().build_of())
    listed = list(transforms.__all__)
    first, second = listed.index("DecodeTransaction"), listed.index("SplitLate")
    listed[first], listed[second] = listed[second], listed[first]

    assert ("DecodeTransaction", "SplitLate") in out_of_order(used, listed)


def test_every_outcome_has_exactly_one_table_and_the_graph_writes_to_each_table_once() -> None:
    tables = (*OUTCOME_TABLES, SKIPPED_RECORDS)
    assert Counter(table.outcome for table in tables) == Counter(Outcome)

    [write] = [step for step in steps_of(GraphRun().build_of()) if is_write(step)]
    assert sorted(write.main_inputs) == sorted(table.name for table in TABLES)
    # Whoever compares two jobs leaves out what is on its way to the tables, by this label.
    assert flink_jobs._WRITES.match(f"{write.full_label}/AppendRows")


class _Composites(PipelineVisitor):
    def __init__(self) -> None:
        self.found: list[AppliedPTransform] = []

    def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
        self.found.append(transform_node)


def steps_of(root: beam.Pipeline) -> list[AppliedPTransform]:
    """Returns every use of a step in the graph, but not a step's own parts."""
    composites = _Composites()
    root.visit(composites)
    return [each for each in composites.found if step_around(each) is each]


def step_around(applied: AppliedPTransform | None) -> AppliedPTransform | None:
    """Returns the outermost step of ours around a transform, None when it is Beam's own."""
    found = None
    while applied is not None:
        if is_step(type(applied.transform)):
            found = applied
        applied = applied.parent
    return found


def out_of_order(used: list[AppliedPTransform], listed: list[str]) -> set[tuple[str, str]]:
    """Returns the pairs of neighbours in the graph that the list has the wrong way round.

    A step that is used again stands where it is used first.
    """
    first = {class_of(step): step for step in reversed(used)}.values()
    pairs = {(class_of(before), class_of(step)) for step in first for before in inputs_of(step)}
    return {pair for pair in pairs if listed.index(pair[0]) > listed.index(pair[1])}


def inputs_of(applied: AppliedPTransform) -> Iterator[AppliedPTransform]:
    """Yields the steps whose outputs this one takes, directly or through Beam's own."""
    for value in applied.inputs:
        if value.producer is None:  # the root of the pipeline
            continue
        step = step_around(value.producer)
        if step is None:
            yield from inputs_of(value.producer)
        else:
            yield step


def class_of(applied: AppliedPTransform) -> str:
    return type(applied.transform).__name__


def is_write(applied: AppliedPTransform) -> bool:
    return class_of(applied) == "WriteBigQuery"


def is_step(each: type) -> bool:
    return issubclass(each, beam.PTransform) and each.__module__.startswith("transforms.")

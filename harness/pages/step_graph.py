"""The graph of steps as a diagram, drawn from what the job really builds."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor

from pipeline import graph, runners
from pipeline.config import PipelineConfig
from transforms import BigQuerySink, KafkaSource
from transforms.payment.tables import TABLES

_RUNNER = "DirectRunner"
_SECOND_US = 1_000_000


def step_graph() -> str:
    """Returns the diagram, as a block of Mermaid."""
    lines = [f"  {line}" for line in _drawn(_steps(_built()))]
    body = "\n".join(["flowchart LR", *lines])
    return f"\n```mermaid\n{body}\n```\n"


def _built() -> beam.Pipeline:
    """Returns the job's graph. The services that it names are not asked for anything."""
    config = PipelineConfig(
        runner=_RUNNER,
        source=KafkaSource("nowhere:0", ("payments",), ranges=()),
        sink=BigQuerySink("project", "dataset"),
        clock_skew_us=300 * _SECOND_US,
        allowed_lateness_us=3_600 * _SECOND_US,
        dead_letter_ratio_max=0.5,
    )
    options = PipelineOptions([])
    runners.apply_defaults(options, _RUNNER, "payments")
    root = beam.Pipeline(runner=runners.create(_RUNNER), options=options)
    graph.build(root, config)
    return root


class _Steps(PipelineVisitor):
    def __init__(self) -> None:
        self.found: list[AppliedPTransform] = []

    def enter_composite_transform(self, transform_node: AppliedPTransform) -> None:
        if transform_node.full_label and "/" not in transform_node.full_label:
            self.found.append(transform_node)


def _steps(root: beam.Pipeline) -> list[AppliedPTransform]:
    visitor = _Steps()
    root.visit(visitor)
    return [step for step in visitor.found if type(step.transform).__module__.startswith("transf")]


def _drawn(steps: list[AppliedPTransform]) -> Iterator[str]:
    outputs = {
        value: (step, tag)
        for step in steps
        for tag, value in step.outputs.items()
        if value is not None
    }
    *inner, write = steps
    edges = [
        (source, tag, _name(step))
        for step in inner
        for value in step.inputs
        for source, tag in _sources(value, outputs)
    ]
    ends = [
        (source, tag, table)
        for table, value in write.main_inputs.items()
        for source, tag in _sources(value, outputs)
    ]
    # A step whose output nobody takes is drawn beside the path, not in it.
    used = {_name(source) for source, _, _ in edges + ends}
    edges.sort(key=lambda edge: edge[2] not in used)
    yield "Kafka[(Kafka)] --> ReadKafka"
    yield from (_edge(*edge) for edge in edges)
    yield f"subgraph {_name(write)}"
    yield from (f"  {table.name}[({table.name})]" for table in TABLES)
    yield "end"
    yield from (_edge(*end) for end in ends)


def _edge(source: AppliedPTransform, tag: object, target: str) -> str:
    label = f"|{tag}|" if isinstance(tag, str) and tag != "None" else ""
    return f"{_name(source)} -->{label} {target}"


def _sources(
    value: beam.pvalue.PValue, outputs: dict[beam.pvalue.PValue, tuple[AppliedPTransform, object]]
) -> Iterator[tuple[AppliedPTransform, object]]:
    """Yields the steps that a collection comes from, each once; Beam's own are looked through."""
    seen: set[str] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop(0)
        if each in outputs:
            step, tag = outputs[each]
            if (label := step.full_label) not in seen or isinstance(tag, str):
                seen.add(label)
                yield step, tag
        elif each.producer is not None:
            waiting.extend(each.producer.inputs)


def _name(step: AppliedPTransform) -> str:
    return type(step.transform).__name__

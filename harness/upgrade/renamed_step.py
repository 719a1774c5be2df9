"""A control: the pipeline with one step renamed. From a savepoint it must not start."""

import dataclasses

import apache_beam as beam

from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.program import Program
from transforms.deduplicate import Deduplicate


class Renamed(beam.PTransform):
    """A step, with a label more above it."""

    def __init__(self, step: beam.PTransform) -> None:
        super().__init__()
        self._step = step

    def expand(self, transactions: beam.PCollection) -> Deduplicate.Outputs:
        """Returns what the step returns."""
        outputs: Deduplicate.Outputs = transactions | "Renamed" >> self._step
        return outputs


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires the graph with that step."""
    parts = graph.Parts.of(config)
    renamed = Renamed(parts.deduplicate)
    graph.build(root, config, dataclasses.replace(parts, deduplicate=renamed))


if __name__ == "__main__":
    main.end(main.main(program=Program(build)))

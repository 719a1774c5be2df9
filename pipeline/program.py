"""The parts that `main` launches: the product's own, or a test run's replacements by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import apache_beam as beam

from pipeline import graph, runners
from pipeline.config import PipelineConfig
from transforms.payment.tables import RUNS, TABLES, Table

Build = Callable[[beam.Pipeline, PipelineConfig], object]


@dataclasses.dataclass(frozen=True)
class Program:
    """The product, unless a field says otherwise.

    Attributes:
        build: wires the graph.
        tables: what the preflight compares with BigQuery. The job writes no verdicts, and runs
            where nobody keeps them.
        hold: marks in a graph for Flink which steps wait for checkpoints.
    """

    build: Build = graph.build
    tables: Sequence[Table] = (*TABLES, RUNS)
    hold: runners.Hold = runners.hold_until_checkpoint

"""The next version of the pipeline, run as `python -m pipeline` is; what changes: next_steps.py.

python -m harness.upgrade.next_version --in_force_from_us=… --savepoint_path=… <usual flags>
"""

from __future__ import annotations

import argparse
import dataclasses
import functools

import apache_beam as beam

from harness.upgrade.next_steps import (
    NEXT_ENCODERS,
    NEXT_TRANSACTIONS,
    NextRules,
    ReadKafkaAndCount,
)
from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.program import Program
from transforms import WriteBigQuery
from transforms.bigquery.arrow_rows import ENCODERS

VERSION = "next"


def build(
    in_force_from_us: int, with_column: bool, root: beam.Pipeline, config: PipelineConfig
) -> None:
    """Wires the graph with what the next version changes, its rows marked as its own."""
    config = dataclasses.replace(config, version=VERSION)
    encoders = NEXT_ENCODERS if with_column else ENCODERS
    parts = dataclasses.replace(
        graph.Parts.of(config),
        read=ReadKafkaAndCount(config.source),
        rules=NextRules(config.clock_skew_us, in_force_from_us=in_force_from_us),
        write=WriteBigQuery(config.sink, config.stream_keys, config.version, encoders),
    )
    graph.build(root, config, parts)


def run() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--in_force_from_us", type=int, required=True)
    parser.add_argument("--with_column", action="store_true")
    own, flags = parser.parse_known_args()
    program = Program(functools.partial(build, own.in_force_from_us, own.with_column))
    if own.with_column:
        # The preflight asks for the column.
        others = (table for table in program.tables if table.name != NEXT_TRANSACTIONS.name)
        program = dataclasses.replace(program, tables=(NEXT_TRANSACTIONS, *others))
    return main.main(flags, program)


if __name__ == "__main__":
    main.end(run())

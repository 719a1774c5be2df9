"""The next version of the pipeline, run as `python -m pipeline` is; what changes: next_steps.py.

python -m harness.upgrade.next_version --in_force_from_us=… --savepoint_path=… <usual flags>
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys

import apache_beam as beam

from harness.upgrade.next_steps import (
    NEXT_TRANSACTIONS,
    FormatNextRow,
    NextRules,
    ReadKafkaAndCount,
)
from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.warehouse import bigquery_tables
from transforms.contract.table_schema import TABLES

VERSION = "next"

_build = graph.build


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires the graph, its rows marked as ours."""
    _build(root, dataclasses.replace(config, version=VERSION))


def run() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--in_force_from_us", type=int, required=True)
    own, flags = parser.parse_known_args()
    change(own.in_force_from_us)
    return main.main(flags)


def change(in_force_from_us: int) -> None:
    """Turns the pipeline of this process into its next version."""
    rules = functools.partial(NextRules, in_force_from_us=in_force_from_us)
    tables = (NEXT_TRANSACTIONS, *(each for each in TABLES if each.name != NEXT_TRANSACTIONS.name))
    changes = {
        (graph, "build"): build,
        (graph, "Rules"): rules,
        (graph, "ReadKafka"): ReadKafkaAndCount,
        (graph, "FormatRow"): FormatNextRow,
        (graph, "TRANSACTIONS"): NEXT_TRANSACTIONS,
        (bigquery_tables, "TABLES"): tables,  # the preflight asks for the column
    }
    for (module, name), value in changes.items():
        setattr(module, name, value)


if __name__ == "__main__":
    sys.exit(run())

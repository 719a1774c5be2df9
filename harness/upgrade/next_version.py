"""The next version of the pipeline, run as `python -m pipeline` is; what changes: next_steps.py.

python -m harness.upgrade.next_version --in_force_from_us=… --savepoint_path=… <usual flags>
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from types import ModuleType

import apache_beam as beam

from harness.upgrade.next_steps import (
    NEXT_ENCODERS,
    NEXT_TRANSACTIONS,
    NextRules,
    ReadKafkaAndCount,
)
from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.warehouse import bigquery_tables
from transforms.bigquery.write_bigquery import WriteBigQuery
from transforms.contract.table_schema import ALL_TABLES

VERSION = "next"

_build = graph.build


def build(root: beam.Pipeline, config: PipelineConfig) -> None:
    """Wires the graph, its rows marked as ours."""
    _build(root, dataclasses.replace(config, version=VERSION))


def run() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--in_force_from_us", type=int, required=True)
    parser.add_argument("--with_column", action="store_true")
    own, flags = parser.parse_known_args()
    _change(own.in_force_from_us)
    if own.with_column:
        _add_column()
    return main.main(flags)


def _change(in_force_from_us: int) -> None:
    rules = functools.partial(NextRules, in_force_from_us=in_force_from_us)
    _replace(graph, build=build, Rules=rules, ReadKafka=ReadKafkaAndCount)


def _add_column() -> None:
    _replace(graph, WriteBigQuery=functools.partial(WriteBigQuery, encoders=NEXT_ENCODERS))
    others = (each for each in ALL_TABLES if each.name != NEXT_TRANSACTIONS.name)
    # The preflight asks for the column.
    _replace(bigquery_tables, ALL_TABLES=(NEXT_TRANSACTIONS, *others))


def _replace(module: ModuleType, **changes: object) -> None:
    for name, value in changes.items():
        setattr(module, name, value)


if __name__ == "__main__":
    main.end(run())

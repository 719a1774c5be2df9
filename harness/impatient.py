"""The pipeline with little patience for a schema registry: tests see the end of it.

python -m harness.impatient --registry_patience_sec=10 …     the rest goes to the pipeline
"""

from __future__ import annotations

import argparse
import dataclasses
import functools

import apache_beam as beam

from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.program import Program
from transforms.codecs.contract.decoder import Decoder, source_of


def build(root: beam.Pipeline, config: PipelineConfig, patience_sec: float) -> graph.Outputs:
    """Wires the graph, with a registry that is asked again for so long."""
    schemas = source_of(config.contract, patience_sec)
    parts = graph.Parts.of(config)
    decoder = Decoder(config.contract, schemas)
    return graph.build(root, config, dataclasses.replace(parts, decoder=decoder))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--registry_patience_sec", type=float, required=True)
    ours, others = parser.parse_known_args()
    build_so = functools.partial(build, patience_sec=ours.registry_patience_sec)
    main.end(main.main(others, Program(build=build_so)))

"""The pipeline with Beam's Java sink in the place of its own, launched as the pipeline is.

python -m benchmarks.peers.beam_sink_job --sink_expansion_service=HOST:PORT <flags of the pipeline>
"""

from __future__ import annotations

import argparse
import dataclasses

import apache_beam as beam
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2

from benchmarks.peers.beam_sink_steps import WriteByBeam
from harness.errors import HarnessError
from pipeline import graph, main
from pipeline.config import PipelineConfig
from pipeline.program import Program

_FLUSH_STEP = "Flush and finalize writes/ParMultiDo(StorageApiFlushAndFinalize)"
_STABLE_INPUT = common_urns.requirements.REQUIRES_STABLE_INPUT.urn


def run() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--sink_expansion_service", required=True, help="host:port")
    own, flags = parser.parse_known_args()

    def build(root: beam.Pipeline, config: PipelineConfig) -> None:
        write = WriteByBeam(config.sink, config.version, own.sink_expansion_service)
        graph.build(root, config, dataclasses.replace(graph.Parts.of(config), write=write))

    return main.main(flags, Program(build, hold=hold_flush_until_checkpoint))


def hold_flush_until_checkpoint(pipeline: beam_runner_api_pb2.Pipeline) -> list[str]:
    """Makes Flink hold every flush of the sink until its appends are in a checkpoint.

    Returns:
        The names of the steps that flush.

    Raises:
        HarnessError: there is none, so nothing would be exactly once.
    """
    held = []
    for transform in pipeline.components.transforms.values():
        if not transform.unique_name.endswith(_FLUSH_STEP):
            continue
        payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        payload.requires_stable_input = True
        transform.spec.payload = payload.SerializeToString()
        held.append(transform.unique_name)
    if not held:
        raise HarnessError(f"no step named …{_FLUSH_STEP}: Beam's sink has changed")
    if _STABLE_INPUT not in pipeline.requirements:
        pipeline.requirements.append(_STABLE_INPUT)
    return held


if __name__ == "__main__":
    main.end(run())

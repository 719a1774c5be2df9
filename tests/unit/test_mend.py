"""The stable-input mend: found where it must be, and loud where it is not."""

import pytest
from apache_beam.portability.api import beam_runner_api_pb2

from pipeline import runners


def pipeline_with(*unique_names: str) -> beam_runner_api_pb2.Pipeline:
    pipeline = beam_runner_api_pb2.Pipeline()
    for number, name in enumerate(unique_names):
        transform = pipeline.components.transforms[f"t{number}"]
        transform.unique_name = name
        transform.spec.payload = beam_runner_api_pb2.ParDoPayload().SerializeToString()
    return pipeline


def stable(pipeline: beam_runner_api_pb2.Pipeline, number: int) -> bool:
    payload = pipeline.components.transforms[f"t{number}"].spec.payload
    return beam_runner_api_pb2.ParDoPayload.FromString(payload).requires_stable_input


FLUSH = "Flush and finalize writes/ParMultiDo(StorageApiFlushAndFinalize)"


def test_every_flush_step_waits_for_its_checkpoint_and_no_other_does() -> None:
    pipeline = pipeline_with(f"Write a/{FLUSH}", "Deduplicate/KeepFirst", f"Write b/{FLUSH}")

    assert runners.hold_flush_until_checkpoint(pipeline) == 2

    assert [stable(pipeline, n) for n in range(3)] == [True, False, True]
    assert "beam:requirement:pardo:stable_input:v1" in pipeline.requirements


def test_renamed_flush_step_stops_the_submission() -> None:
    with pytest.raises(runners.MendError, match="FlushRows"):
        runners.hold_flush_until_checkpoint(pipeline_with("Write a/Flush all/ParMultiDo(New)"))

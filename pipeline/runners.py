"""The differences between runners, and nothing else. Steps must never ask which one runs them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
)
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners import create_runner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.runner import PipelineResult, PipelineRunner
from apitools.base.py import exceptions as apitools_exceptions
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions as auth_exceptions

from operations import places
from pipeline import flink_keys
from pipeline.launch.stable_names import stabilize
from pipeline.launch.stops import answered
from pipeline.options import FlinkOptions, LaunchOptions
from transforms.bigquery.flush_rows import NEEDS_STABLE_INPUT

# By name: what it sets is for workers, not for the launcher.
_WORKER_LIMITS = "pipeline.worker_limits"
Hold = Callable[[beam_runner_api_pb2.Pipeline], object]
# What a user or a network can do wrong with Dataflow; anything else keeps its stack trace.
_GOOGLE = (
    api_exceptions.GoogleAPIError,
    auth_exceptions.GoogleAuthError,
    apitools_exceptions.Error,
)
_STABLE_INPUT = common_urns.requirements.REQUIRES_STABLE_INPUT.urn


class NotExactlyOnce(RuntimeError):
    """No step of the graph waits for checkpoints; on Flink its sink would count some rows twice."""


class NotSubmitted(RuntimeError):
    """A service of Beam's did not take the job; the message says what it answered, and a hint."""


@contextlib.contextmanager
def refusals_told(job_endpoint: str | None, expansion_service: str | None) -> Iterator[None]:
    """Turns what gRPC and Google Cloud raise during a submission into NotSubmitted, one line."""
    try:
        yield
    except _GOOGLE as error:
        said = " ".join(str(error).split())[:300]
        raise NotSubmitted(
            f"Google Cloud did not take the job ({type(error).__name__}: {said}). Hint: do "
            "--project, --region and --temp_location exist, and may this account use them? "
            "`gcloud auth application-default login` logs in."
        ) from None
    except (grpc.RpcError, grpc.FutureTimeoutError) as error:
        raise NotSubmitted(
            f"a service of Beam's did not take the job ({answered(error)}). Hint: is "
            f"--job_endpoint={job_endpoint} the job server and --expansion_service="
            f"{expansion_service} the expansion service, and are both well?"
        ) from None


def apply_defaults(options: PipelineOptions, runner: str, job_name: str) -> None:
    """Sets what a runner needs and a user should not have to know."""
    options.view_as(GoogleCloudOptions).job_name = job_name
    options.view_as(StandardOptions).streaming = runner != "DirectRunner"
    # Steps live in importable modules; shipping __main__ would only hide a misplaced one.
    setup = options.view_as(SetupOptions)
    setup.save_main_session = False
    setup.beam_plugins = [*(setup.beam_plugins or []), _WORKER_LIMITS]
    # State lies in as many groups of keys, and our keys are chosen by them.
    options.view_as(FlinkRunnerOptions).max_parallelism = flink_keys.KEY_GROUPS
    if runner == "DataflowRunner":
        _apply_dataflow_defaults(options)
    flink = options.view_as(FlinkOptions)
    if flink.savepoint_path is not None:
        flink.savepoint_path = places.for_flink(flink.savepoint_path)


def _apply_dataflow_defaults(options: PipelineOptions) -> None:
    cloud = options.view_as(GoogleCloudOptions)
    cloud.enable_streaming_engine = True
    services = cloud.dataflow_service_options or []
    # Dataflow's default, said aloud: the other mode would count some payments twice.
    cloud.dataflow_service_options = [*services, "streaming_mode_exactly_once"]
    # Every flag becomes part of the job, and this one names a folder of the launcher.
    options.view_as(LaunchOptions).java_parts = None


def create(runner: str, hold: Hold | None = None) -> PipelineRunner:
    """Returns the runner to build the pipeline with.

    Args:
        hold: marks which steps wait for checkpoints on Flink; hold_until_checkpoint by default.
    """
    if runner == "FlinkRunner":
        return ExactlyOnceFlinkRunner(hold or hold_until_checkpoint)
    if runner == "DirectRunner":
        # DirectRunner is three engines that choose by the graph's content; this is the one that
        # the tests run on.
        return FnApiRunner()
    return create_runner(runner)


def job_id(result: PipelineResult) -> str | None:
    """Returns the id by which the runner knows what was submitted, None where it gives none."""
    if not getattr(result, "has_job", True):
        return None  # Dataflow's, of a template that was written and not run
    found = getattr(result, "_job_id", None) or getattr(result, "job_id", None)
    return str(found() if callable(found) else found) if found else None


class ExactlyOnceFlinkRunner(PortableRunner):
    """Submits to a Flink job server, with the sink made exactly-once and state kept by name."""

    def __init__(self, hold: Hold) -> None:
        super().__init__()
        self._hold = hold

    def run_portable_pipeline(
        self, pipeline: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> PipelineResult:
        """Submits the pipeline; raises NotExactlyOnce when no step needs stable input."""
        self._hold(pipeline)
        stabilize(pipeline)
        return super().run_portable_pipeline(pipeline, options)


def hold_until_checkpoint(pipeline: beam_runner_api_pb2.Pipeline) -> list[str]:
    """Makes Flink hold the input of every step that asks for it until it is in a checkpoint.

    The sink appends to buffered streams at offsets kept in state, and flushes afterwards. On Flink
    the flush would come before the checkpoint that holds those offsets: after a crash the same rows
    are appended and flushed again. Stable input makes it a two-phase commit (docs/decisions/0018).
    Beam's Python SDK cannot declare it, so steps do so by an annotation.

    Returns:
        The names of these steps.

    Raises:
        NotExactlyOnce: there is none.
    """
    held = []
    for transform in pipeline.components.transforms.values():
        if NEEDS_STABLE_INPUT not in transform.annotations:
            continue
        payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
        payload.requires_stable_input = True
        transform.spec.payload = payload.SerializeToString()
        held.append(transform.unique_name)
    if not held:
        raise NotExactlyOnce(
            "no step of the graph declares that it needs stable input, so nothing ties what is "
            "written to checkpoints. Hint: the step that makes rows visible must (FlushRows)."
        )
    if _STABLE_INPUT not in pipeline.requirements:
        pipeline.requirements.append(_STABLE_INPUT)
    return held

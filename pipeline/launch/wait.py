"""Waits for a job that runs elsewhere, and tells how it fares and how it ends.

Ends: the job finished; it failed; somebody cancelled it, which is no failure (decision 26); nobody
waits for it any longer, or nobody can, because the job server is away.
"""

from __future__ import annotations

import contextlib
import logging
import time

import grpc
from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
from apache_beam.runners.runner import PipelineResult, PipelineState

from operations import flink_failures
from operations.flink_client import FlinkClient
from operations.runs.run import CANCELLED
from payments import exit_codes
from pipeline.config import PipelineConfig
from pipeline.launch.claim import Claim
from pipeline.launch.job_watch import JobWatch
from pipeline.launch.stops import answered, is_cancellation, stopped

_LOG = logging.getLogger("pipeline")

# Beside those of all commands (payments/exit_codes.py): no other command waits for a job.
EXIT_CANCELLED = 4
# On Dataflow a drained job has ended as planned, and one that was updated goes on as another.
_WELL = (PipelineState.DONE, PipelineState.DRAINED, PipelineState.UPDATED)


class FailedOnDataflow(RuntimeError):
    """The job failed. Dataflow itself says so; elsewhere it may be the end of who says so."""


def wait(result: PipelineResult, claim: Claim, config: PipelineConfig, started_at: float) -> int:
    """Returns the exit code once the job has ended, or nobody waits any longer.

    Args:
        started_at: of the launch, by the monotonic clock.
    """
    watch = _watch(config)
    _LOG.info("%s runs on %s; Ctrl-C stops waiting, not the job", config.job_name, config.runner)
    try:
        with watch.looking() if watch else contextlib.nullcontext():
            state = _end_of(result)
    except KeyboardInterrupt:
        _LOG.warning("no longer waiting; the job goes on: %s", _how_to_end(config))
        return exit_codes.INTERRUPTED
    except grpc.RpcError as error:
        return _without_job_server(error, config)
    except RuntimeError as error:
        if is_cancellation(error):
            return _cancelled(claim, started_at)
        return _failed(error, claim, watch)
    if state == PipelineState.CANCELLED:
        return _cancelled(claim, started_at)
    claim.ended(str(state))
    _LOG.info("%s after %.0f s", state, time.monotonic() - started_at)
    return exit_codes.WELL if state in _WELL else exit_codes.FINDING


def _end_of(result: PipelineResult) -> str:
    """Returns the state in which a job has ended; raises RuntimeError for one that failed."""
    try:
        return str(result.wait_until_finish())
    except DataflowRuntimeException as error:  # raised for every end of Dataflow's but DONE
        state = str(error.result.state)
        if state == PipelineState.FAILED:
            raise FailedOnDataflow(str(error).partition("Error:\n")[2] or str(error)) from None
        if not PipelineState.is_terminal(state):
            raise RuntimeError(f"Dataflow says that it is {state}") from None
        return state


def _watch(config: PipelineConfig) -> JobWatch | None:
    if config.runner != "FlinkRunner":
        return None
    if config.flink is None:
        _LOG.info("failures of the job are not told here; with --flink=HOST:PORT they would be")
        return None
    return JobWatch(FlinkClient(config.flink), config.job_name, _LOG.info)


def _how_to_end(config: PipelineConfig) -> str:
    if config.runner != "FlinkRunner":
        return f"`gcloud dataflow jobs drain` or `cancel` ends {config.job_name}"
    flink = config.flink or "HOST:PORT"
    endpoint = config.bigquery_endpoint
    more = f" --bigquery_endpoint={endpoint}" if endpoint else ""
    return (
        f"`payments job cancel --flink={flink} --bigquery_dataset={config.dataset}{more}` ends it"
    )


def _without_job_server(error: grpc.RpcError, config: PipelineConfig) -> int:
    """Tells that nobody knows how the job fares: it runs on Flink, not in the job server."""
    return exit_codes.told(
        f"the job server at {config.job_endpoint} stopped answering ({answered(error)}); "
        f"{config.job_name} may go on without it. Hint: `payments job list --flink="
        f"{config.flink or 'HOST:PORT'}` tells whether it does, and {_how_to_end(config)}",
        exit_codes.COULD_NOT_LOOK,
    )


def _cancelled(claim: Claim, started_at: float) -> int:
    claim.ended(CANCELLED)
    _LOG.info("cancelled after %.0f s; the job did not fail", time.monotonic() - started_at)
    return EXIT_CANCELLED


def _failed(error: RuntimeError, claim: Claim, watch: JobWatch | None) -> int:
    why = stopped(error)
    # Anything else may be the job server's end and not the job's.
    if why is not error:
        claim.ended(f"failed: {why}")
        return exit_codes.told(why, exit_codes.FINDING)
    last = watch.last() if watch else None
    cause = last.cause if last else flink_failures.cause_of(str(error))
    if isinstance(error, FailedOnDataflow):
        claim.ended(f"failed: {cause}")
        return exit_codes.told(f"the job failed: {cause}", exit_codes.FINDING)
    return exit_codes.told(f"the job ended, or is out of reach: {cause}", exit_codes.FINDING)

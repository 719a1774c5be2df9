"""Reads the flags, checks the surroundings, builds the graph and runs it.

    payments run --runner=FlinkRunner --kafka_bootstrap_servers=broker:9092 \\
        --kafka_topics=payments --bigquery_dataset=my-project.payments \\
        --job_endpoint=jobserver:8099 --expansion_service=expansion:8097
    payments run --config=payments.toml

Exit code: 0 the job finished, or was submitted with --no_wait_until_finish, or runs already by the
same --run_id; 1 it failed, or could not be started; 2 a mistake in the flags; 3 a service that must
be asked first did not answer; 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import difflib
import functools
import logging
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult, PipelineState

from operations.errors import CannotStart, OperatorError
from payments import exit_codes, sources
from payments.errors import SettingsError
from payments.parser import CONFIG_MEANING, Parser
from payments.settings import CONFIG, OF_THE_JOB
from pipeline import runners
from pipeline.config import RUNNERS, ConfigError, PipelineConfig
from pipeline.launch import java_parts, preflight, resume, start
from pipeline.launch.claim import AlreadyRuns, Claim
from pipeline.options import OWN_OPTIONS, FlinkOptions
from pipeline.program import Program
from transforms.bigquery.errors import CannotWrite, ClaimLost, RefusedRow
from transforms.kafka import causes as kafka_causes
from transforms.kafka.reader import CannotRead
from transforms.kafka.topic_watch import PartitionsAdded, TopicRemade
from transforms.limit_dead_letters import TooManyDeadLetters
from transforms.payment.arrival import NoArrivalTime
from transforms.payment.ends_job import without_mark
from transforms.state.shard import HorizonChanged, ShardsChanged

_LOG = logging.getLogger("pipeline")

# Errors by which a step stops the job on purpose: one line that says why, and a hint.
_STOPS = (
    TooManyDeadLetters,
    RefusedRow,
    CannotWrite,
    PartitionsAdded,
    TopicRemade,
    ClaimLost,
    HorizonChanged,
    ShardsChanged,
    NoArrivalTime,
    CannotRead,
)

# What is no OperatorError, and ends a launch in a line all the same.
_ENDS = {
    ConfigError: exit_codes.USAGE,
    preflight.PreflightError: exit_codes.FINDING,
    resume.ResumeError: exit_codes.FINDING,
    runners.NotExactlyOnce: exit_codes.FINDING,
    java_parts.NoJavaParts: exit_codes.FINDING,
}


def main(argv: Sequence[str] | None = None, program: Program = Program()) -> int:
    """Runs the command line.

    Args:
        program: what is launched.

    Returns:
        The exit code (module docstring).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        parser().print_help()
        return exit_codes.WELL
    _set_up_logging()
    return exit_codes.run(lambda: _launch(arguments, program), _ENDS)


def end(code: int) -> NoReturn:
    """Ends the process with an exit code. Whoever launches a pipeline ends by this.

    Not sys.exit: while the interpreter takes itself apart, gRPC's stream from the job server may
    wait for a thread that has ended (_Rendezvous.__del__), and the program never ends.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _launch(asked: Sequence[str], program: Program) -> int:
    arguments, added = sources.completed(asked, OF_THE_JOB)
    try:
        _refuse_unknown_flags(arguments)
        options = PipelineOptions(arguments)
        config = PipelineConfig.from_options(options)
    except ConfigError as error:
        raise _with_source(error, added) from None
    try:
        return _run(config, options, program)
    except AlreadyRuns as found:
        _LOG.info("nothing to do: %s", found)
        return exit_codes.WELL


def _with_source(error: ConfigError, added: Mapping[str, sources.Value]) -> SettingsError:
    """Returns the error with the place that a wrong value came from, unless that is a flag."""
    named = next((name for name in added if re.match(rf"--{name}\b", str(error))), None)
    came_from = "" if named is None else f"{added[named].source}: "
    return SettingsError(f"{came_from}{error}")


def _run(config: PipelineConfig, options: PipelineOptions, program: Program) -> int:
    if config.preflight:
        preflight.check(config, program.tables)
        _LOG.info("preflight passed: topics, tables and services are as required")
    claim, config = start.claim(config)
    started_at = time.monotonic()
    try:
        config = start.prepare(config, claim, functools.partial(_complete, program))
        if config.bounded:
            claim.submitted(config.job_name)  # DirectRunner runs here and now
        result = _submit(program, config, options, claim)
    except BaseException as error:
        why = _stopped(error)
        claim.failed(why)
        if isinstance(error, OperatorError):
            raise
        if isinstance(error, RuntimeError):
            return exit_codes.told(why, exit_codes.FINDING)
        raise
    if not config.bounded:
        claim.submitted(runners.job_id(result))
    if options.view_as(StandardOptions).no_wait_until_finish:
        _LOG.info("submitted to %s; not waiting", config.runner)
        return exit_codes.WELL
    return _wait(result, claim, config, started_at)


def _submit(
    program: Program, config: PipelineConfig, options: PipelineOptions, claim: Claim
) -> PipelineResult:
    if config.resume:
        _resume(config.resume, options)
    if config.java_parts is not None:
        with java_parts.expansion_service(config.java_parts) as address:
            return _submit_expanded(program, config.expanded_at(address), options, claim)
    return _submit_expanded(program, config, options, claim)


def _submit_expanded(
    program: Program, config: PipelineConfig, options: PipelineOptions, claim: Claim
) -> PipelineResult:
    runners.apply_defaults(options, config.runner, config.job_name)
    try:
        runner = runners.create(config.runner, program.hold)
        root = beam.Pipeline(runner=runner, options=options)
    except ValueError as error:  # Beam has looked at its own flags
        raise ConfigError(str(error)) from None
    with runners.refusals_told(config.job_endpoint, config.source.expansion_service):
        program.build(root, config)
        if not config.bounded:
            claim.submitting()
        return root.run()


def _complete(program: Program, config: PipelineConfig) -> None:
    """Runs a bounded job to its end, before the job that was asked for begins."""
    try:
        _submit(program, config, PipelineOptions([]), Claim()).wait_until_finish()
    except RuntimeError as error:
        raise CannotStart(str(_stopped(error))) from None


def _resume(folder: str, options: PipelineOptions) -> None:
    checkpoint = resume.newest_checkpoint(folder)
    _LOG.info("resuming from %s, %.0f s old", checkpoint.uri, checkpoint.age_sec)
    options.view_as(FlinkOptions).savepoint_path = checkpoint.uri


def _wait(result: PipelineResult, claim: Claim, config: PipelineConfig, started_at: float) -> int:
    _LOG.info("running on %s; Ctrl-C stops waiting, not the job", config.runner)
    try:
        state = result.wait_until_finish()
    except KeyboardInterrupt:
        _LOG.warning("no longer waiting; on Flink the job goes on: cancel it through Flink's REST")
        return exit_codes.INTERRUPTED
    except RuntimeError as error:
        why = _stopped(error)
        # Anything else may be the job server's end and not the job's.
        if config.bounded or why is not error:
            claim.ended(f"failed: {why}")
        return exit_codes.told(why, exit_codes.FINDING)
    if config.bounded and state == PipelineState.DONE:
        start.note_end(config)
    claim.ended(str(state))
    _LOG.info("%s after %.0f s", state, time.monotonic() - started_at)
    return exit_codes.WELL if state == PipelineState.DONE else exit_codes.FINDING


def _stopped(error: BaseException) -> BaseException:
    """Returns what a step said when it stopped the job on purpose, else the error as it is."""
    text = str(error)
    for stop in _STOPS:
        # Out of this process it comes as it is, out of a worker as text: class name, message.
        _, from_worker, message = text.partition(f"{stop.__name__}: ")
        if from_worker or isinstance(error, stop):
            message = (message or text).partition("\n")[0]
            return RuntimeError(without_mark(message.partition(" [while running")[0]))
    return error


def _set_up_logging() -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    _LOG.setLevel(logging.INFO)
    kafka_causes.keep_to_ourselves()
    # What a step raises on the DirectRunner is logged with its stack, and raised again to us.
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)


def parser() -> Parser:
    """Returns a parser of our own flags, for help and for shells; Beam takes the command line."""
    parser = Parser(
        prog="payments run",
        usage="payments run --runner=RUNNER --kafka_bootstrap_servers=… --kafka_topics=… "
        "--bigquery_dataset=… [flags]",
        description="Counts each payment exactly once: Kafka → deduplication → BigQuery.",
        epilog=(__doc__ or "").partition("\n\n")[2] + "\nFlags of Beam and of the runner are taken "
        "as well: beam.apache.org, 'Configuring pipeline options'.",
    )
    parser.add_argument(f"--{CONFIG}", metavar="FILE", help=CONFIG_MEANING.replace("%", "%%"))
    parser.add_argument(
        "--runner",
        choices=RUNNERS,
        default="DirectRunner",
        help="DirectRunner reads what is in the topics and ends; the others run until stopped "
        "(default: %(default)s).",
    )
    for group in OWN_OPTIONS:
        group._add_argparse_args(parser)
    return parser


def _refuse_unknown_flags(arguments: Sequence[str]) -> None:
    """Raises ConfigError for a flag that nobody knows; Beam would only log it and continue."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options_class in PipelineOptions.__subclasses__():
        options_class._add_argparse_args(parser)
    try:
        parser.exit_on_error = False
        _, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise ConfigError(str(error)) from None
    if unknown:
        flag = unknown[0].partition("=")[0]
        close = difflib.get_close_matches(flag, parser._option_string_actions, n=1)
        hint = f"did you mean {close[0]}?" if close else "`payments run --help` lists them."
        raise ConfigError(f"unknown flag {flag!r}. Hint: {hint}")

"""Reads the flags, checks the surroundings, builds the graph and runs it.

    payments run --runner=FlinkRunner --kafka_bootstrap_servers=broker:9092 \\
        --kafka_topics=payments --bigquery_dataset=my-project.payments \\
        --job_endpoint=jobserver:8099 --expansion_service=expansion:8097
    payments run --config=payments.toml

Exit code: 0 the job finished, or was submitted with --no_wait_until_finish, or runs already by the
same --run_id; 1 it failed, or could not be started, or found no valid record on DirectRunner; 2 a
mistake in the flags; 3 a service that must be asked first did not answer, or the job server stopped
answering while the job ran; 4 somebody cancelled the job; 130 interrupted.
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
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineResult

from operations.errors import CannotStart, OperatorError
from payments import exit_codes, sources
from payments.errors import SettingsError
from payments.parser import CONFIG_MEANING, Parser
from payments.settings import CONFIG, OF_THE_JOB
from pipeline import configure, runners
from pipeline.config import RUNNERS, PipelineConfig
from pipeline.config_values import ConfigError
from pipeline.launch import java_parts, preflight, resume, run_here, start
from pipeline.launch.claim import Claim
from pipeline.launch.door import AlreadyRuns
from pipeline.launch.stops import stopped
from pipeline.launch.wait import wait
from pipeline.options import OWN_OPTIONS, FlinkOptions
from pipeline.program import Program
from transforms.codecs.contract import extra_columns
from transforms.kafka import causes as kafka_causes

_LOG = logging.getLogger("pipeline")

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
        options = PipelineOptions(arguments)
        config = _checked(arguments, options)
    except ConfigError as error:
        raise _with_source(error, added) from None
    try:
        return _run(config, options, program)
    except AlreadyRuns as found:
        _LOG.info("nothing to do: %s", found)
        return exit_codes.WELL


def _checked(arguments: Sequence[str], options: PipelineOptions) -> PipelineConfig:
    """Returns the configuration; raises ConfigError with all that is wrong with the flags."""
    unknown = _unknown_flags(arguments)
    try:
        config = configure.from_options(options)
    except ConfigError as error:
        raise ConfigError(*unknown, *error.problems) from None
    if unknown:
        raise ConfigError(*unknown)
    return config


def _with_source(error: ConfigError, added: Mapping[str, sources.Value]) -> SettingsError:
    """Returns the error with the places that wrong values came from, unless those are flags."""
    return SettingsError(str(ConfigError(*(_from_where(each, added) for each in error.problems))))


def _from_where(problem: str, added: Mapping[str, sources.Value]) -> str:
    named = next((name for name in added if re.match(rf"--{name}\b", problem)), None)
    return problem if named is None else f"{added[named].source}: {problem}"


def _run(config: PipelineConfig, options: PipelineOptions, program: Program) -> int:
    if config.preflight:
        tables = extra_columns.with_columns(program.tables, config.contract)
        config = preflight.check(config, tables)
        _LOG.info("preflight passed: topics, tables and services are as required")
    claim, config = start.claim(config)
    started_at = time.monotonic()
    try:
        config = start.prepare(config, claim, functools.partial(_complete, program))
        if config.bounded:
            _run_here(program, config, options, claim)
            _LOG.info("DONE after %.0f s", time.monotonic() - started_at)
            return exit_codes.WELL
        result = _submit(program, config, options, claim)
    except KeyboardInterrupt:
        claim.failed("stopped by Ctrl-C")
        raise
    except BaseException as error:
        why = stopped(error)
        claim.failed(why)
        if isinstance(error, OperatorError):
            raise
        if isinstance(error, RuntimeError):
            return exit_codes.told(why, exit_codes.FINDING)
        raise
    claim.submitted(runners.job_id(result))
    if options.view_as(StandardOptions).no_wait_until_finish:
        _LOG.info("submitted to %s as %s; not waiting", config.runner, config.job_name)
        return exit_codes.WELL
    return wait(result, claim, config, started_at)


def _run_here(
    program: Program, config: PipelineConfig, options: PipelineOptions, claim: Claim
) -> None:
    """Runs a bounded job to its end, and tells what became of its records.

    Raises:
        RuntimeError: the job failed, or found no valid record.
    """
    claim.submitted(config.job_name)  # DirectRunner runs here and now
    with run_here.interruptible(), run_here.progress(config.source.ranges or ()):
        result = _submit(program, config, options, claim)
        state = result.wait_until_finish()
    start.note_end(config)
    claim.ended(str(state))
    read, outcomes = run_here.counts(result)
    _LOG.info("%s", run_here.told(read, outcomes))
    run_here.require_some_valid(read, outcomes, config.dataset)


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
        with run_here.interruptible():
            _submit(program, config, PipelineOptions([]), Claim()).wait_until_finish()
    except RuntimeError as error:
        raise CannotStart(str(stopped(error))) from None


def _resume(folder: str, options: PipelineOptions) -> None:
    checkpoint = resume.newest_checkpoint(folder)
    _LOG.info("resuming from %s, %.0f s old", checkpoint.uri, checkpoint.age_sec)
    options.view_as(FlinkOptions).savepoint_path = checkpoint.uri


def _set_up_logging() -> None:
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    _LOG.setLevel(logging.INFO)
    kafka_causes.keep_to_ourselves()
    # What a job server says when a job has ended is raised to us as well; and who cancels a job
    # need not read its stack.
    logging.getLogger().addFilter(_no_word_of_the_job_servers)
    threading.excepthook = _no_stack_of_the_job_servers
    # What a step raises on the DirectRunner is logged with its stack, and raised again to us.
    logging.getLogger("apache_beam.runners.common").setLevel(logging.CRITICAL)


def _no_word_of_the_job_servers(record: logging.LogRecord) -> bool:
    return record.module != "portable_runner" or record.levelno < logging.ERROR


def _no_stack_of_the_job_servers(failed: threading.ExceptHookArgs) -> None:
    """Leaves out what Beam's second thread meets too when the job server goes away."""
    if not isinstance(failed.exc_value, grpc.RpcError):
        threading.__excepthook__(failed)


def parser() -> Parser:
    """Returns a parser of our own flags, for help and for shells; Beam takes the command line."""
    parser = Parser(
        prog="payments run",
        usage="payments run [--runner=RUNNER] --kafka_bootstrap_servers=… \\\n"
        "       --kafka_topics=… --bigquery_dataset=… [flags]",
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


def _unknown_flags(arguments: Sequence[str]) -> list[str]:
    """Returns a line for each flag that nobody knows; Beam would only log it and continue.

    Raises:
        ConfigError: a flag's value is none of its kind.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, conflict_handler="resolve")
    for options_class in PipelineOptions.__subclasses__():
        options_class._add_argparse_args(parser)
    try:
        parser.exit_on_error = False
        _, unknown = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise ConfigError(str(error).removeprefix("argument ")) from None
    flags = [each.partition("=")[0] for each in unknown if each.startswith("-")] or unknown[:1]
    return [_unknown(flag, parser) for flag in flags]


def _unknown(flag: str, parser: argparse.ArgumentParser) -> str:
    close = difflib.get_close_matches(flag, parser._option_string_actions, n=1)
    hint = f"did you mean {close[0]}?" if close else "`payments run --help` lists them."
    return f"unknown flag {flag!r}. Hint: {hint}"

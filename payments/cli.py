"""Finds the program that a sub-command names, and runs it: nothing else is loaded."""

from __future__ import annotations

import argparse
import difflib
import importlib
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

from payments import exit_codes
from payments.errors import OperatorError

_OF_THE_JOB = "pipeline.main"


class Command(NamedTuple):
    """A sub-command.

    Attributes:
        module: its `main` runs it.
        meaning: what it does, in a line.
        flags: its `parser` returns the command line's form, loading nothing that the work needs;
            the module itself where there is none.
    """

    module: str
    meaning: str
    flags: str | None = None


class NotInstalled(OperatorError):
    """A part of the project, or a package, is not here."""

    exit_code = exit_codes.USAGE


COMMANDS = {
    "run": Command(_OF_THE_JOB, "launch the job (as `python -m pipeline`)"),
    "tables": Command(
        "operations.tables.command",
        "make, compare and check tables and views",
        "operations.tables.flags",
    ),
    "runs": Command(
        "operations.runs.command", "who has claimed the tables", "operations.runs.flags"
    ),
    "reconcile": Command(
        "operations.reconcile.command",
        "prove that each record is counted once",
        "operations.reconcile.flags",
    ),
    "report": Command(
        "operations.report.command",
        "one page about a day, for an auditor",
        "operations.report.flags",
    ),
    "trace": Command(
        "operations.trace.command",
        "what became of one payment, or of one record",
        "operations.trace.flags",
    ),
    "dead-letters": Command(
        "operations.dead_letters.command",
        "correct and resend what was rejected",
        "operations.dead_letters.flags",
    ),
    "contract": Command(
        "operations.contract.command",
        "your own payments: a contract, checked on a sample",
        "operations.contract.flags",
    ),
    "health": Command("operations.health.command", "whether a job is well"),
    "live": Command(
        "console.command", "a page that shows what a job does, on this machine", "console.flags"
    ),
    "exporter": Command(
        "operations.exporter.command",
        "a job's figures for Prometheus",
        "operations.exporter.flags",
    ),
    "alerts": Command(
        "operations.alerts.command",
        "what wakes somebody, for Prometheus",
        "operations.alerts.flags",
    ),
    "dashboards": Command(
        "operations.dashboards.command",
        "the panels of a dashboard, and the file for Grafana",
        "operations.dashboards.flags",
    ),
    "job": Command(
        "operations.job.command",
        "the jobs on Flink: list, show, cancel, savepoint",
        "operations.job.flags",
    ),
    "rollout": Command(
        "operations.rollout.command",
        "a new version beside the running one",
        "operations.rollout.flags",
    ),
    "topic": Command(
        "operations.topic.command",
        "the topics: list, create, watch what arrives",
        "operations.topic.flags",
    ),
    "simulate": Command("simulator.cli", "send payments with a known truth"),
    "send": Command("simulator.by_hand", "send one payment by hand, and learn where it is"),
    "config": Command("payments.config", "where each setting comes from"),
    "completion": Command("payments.completion", "what a shell completes this command with"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a sub-command; returns its exit code, 2 for one that nobody knows."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return exit_codes.WELL if arguments else exit_codes.USAGE
    name, *rest = arguments
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {close[0]}?" if close else "`payments --help` lists them."
        return exit_codes.told(f"unknown command {name!r}. Hint: {hint}", exit_codes.USAGE)
    return exit_codes.run(lambda: _run(name, rest))


def program() -> None:
    """Runs the command line and ends the process, as the installed command does."""
    code = main()
    job = sys.modules.get(_OF_THE_JOB)
    if job is not None:
        job.end(code)  # says why sys.exit is not enough
    sys.exit(code)


def parsers(
    tell: Callable[[str], None],
) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Returns the parser and the meaning of each sub-command that is installed.

    Args:
        tell: is told of those that are not.
    """
    found = {}
    for name, command in COMMANDS.items():
        try:
            found[name] = _load(command.flags or command.module, name).parser(), command.meaning
        except NotInstalled as error:
            tell(str(error))
    return found


def _run(name: str, rest: Sequence[str]) -> int:
    command = COMMANDS[name]
    if command.flags and {"-h", "--help"} & set(rest):
        _load(command.flags, name).parser().parse_args(rest)
    return int(_load(command.module, name).main(rest))


def _load(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = str(error.name)
        raise NotInstalled(
            f"`payments {name}` is not in this installation: {missing.partition('.')[0]} is "
            "missing. Hint: a checkout has all commands after `make setup`"
        ) from None


def _help() -> str:
    lines = [f"  {name:<14}{command.meaning}" for name, command in COMMANDS.items()]
    return (
        "usage: payments COMMAND [flags]\n\n"
        + "\n".join(lines)
        + "\n\n`payments COMMAND --help` teaches each. Where things are: flags, else variables "
        "(PAYMENTS_…),\nelse the file of --config; `payments config show` tells which."
        "\n\nexit codes: 0 well, 1 a finding, 2 a mistake in what was asked for, 3 could not look,"
        "\n130 interrupted"
    )

"""Finds the program that a sub-command names, and runs it: nothing else is loaded."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Command(NamedTuple):
    """A sub-command: the module whose `main` it calls, and what it does, in a line."""

    module: str
    meaning: str


COMMANDS = {
    "run": Command("pipeline.main", "launch the job (as `python -m pipeline`)"),
    "tables": Command("operations.tables.command", "make, compare and check tables and views"),
    "runs": Command("operations.runs.command", "who has claimed the tables"),
    "reconcile": Command("operations.reconcile.command", "prove that each record is counted once"),
    "dead-letters": Command("operations.dead_letters.command", "mend and resend what was rejected"),
    "contract": Command("operations.contract.command", "your own payments: a contract, checked"),
    "health": Command("operations.health.command", "whether a job is well"),
    "rollout": Command("operations.rollout.command", "a new version beside the running one"),
    "simulate": Command("simulator.cli", "send payments with a known truth"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a sub-command; returns its exit code, 2 for one that nobody knows."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"error: unknown command {name!r}. Hint: `payments --help`", file=sys.stderr)
        return 2
    return int(importlib.import_module(COMMANDS[name].module).main(rest))


def _help() -> str:
    lines = [f"  {name:<14}{command.meaning}" for name, command in COMMANDS.items()]
    return "usage: payments COMMAND [flags]\n\n" + "\n".join(lines)

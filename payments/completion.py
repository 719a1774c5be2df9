"""Prints what a shell completes `payments` with: sub-commands, flags, and values that are a list.

    payments completion bash > ~/.local/share/bash-completion/completions/payments
    payments completion zsh  > "${fpath[1]}/_payments"
    payments completion fish > ~/.config/fish/completions/payments.fish

What is printed knows this version; print it again after an upgrade.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from payments import exit_codes
from payments.errors import OperatorError
from payments.parser import Parser, of_document

_SHELLS = ("bash", "zsh", "fish")


class NoCompletion(OperatorError):
    """The package that writes completions is missing."""

    exit_code = exit_codes.COULD_NOT_LOOK


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = parser().parse_args(argv)
    return exit_codes.run(lambda: _print(arguments.shell))


def parser() -> Parser:
    """Returns the parser of the command line."""
    found = of_document("payments completion", __doc__)
    found.add_argument("shell", choices=_SHELLS, help="Which shell.")
    return found


def _print(shell: str) -> int:
    try:
        import shtab
    except ModuleNotFoundError:
        raise NoCompletion("the package shtab is missing. Hint: pip install shtab") from None
    from payments import cli

    found = cli.parsers(_tell)
    sys.stdout.write(shtab.complete(_whole(found), shell=shell) + "\n")
    return exit_codes.WELL


def _whole(parsers: Mapping[str, tuple[argparse.ArgumentParser, str]]) -> argparse.ArgumentParser:
    """Returns one parser of all commands, as shtab takes it."""
    whole = Parser(prog="payments", description="Counts each payment exactly once.")
    commands = whole.add_subparsers(metavar="COMMAND")
    for name, (found, meaning) in parsers.items():
        commands.add_parser(name, help=meaning)
        commands.choices[name] = found  # type: ignore[index, assignment]
    return whole


def _tell(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)

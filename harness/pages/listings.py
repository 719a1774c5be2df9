"""Tables of what the code declares: the flags of a command, the alerts."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from harness.errors import HarnessError
from operations.alerts.catalogue import ALERTS
from payments import cli


def flags(command: str, only: Sequence[str] = ()) -> str:
    """Returns flags, defaults and meanings of a command of `payments`, as a table.

    Args:
        command: `run`, `health`, or with a command of its own: `runs list`.
        only: the flags to show, in this order; none for all.

    Raises:
        HarnessError: there is no such command, or no such flag.
    """
    parser = _parser(command)
    found = {
        action.option_strings[-1]: action
        for action in parser._actions
        if action.option_strings and action.help != argparse.SUPPRESS and action.dest != "help"
    }
    missing = [name for name in only if name not in found]
    if missing:
        raise HarnessError(f"`payments {command}` has no {', '.join(missing)}")
    formatter = parser._get_formatter()
    return _table(
        ("flag", "meaning"),
        (
            (f"`{name}`", formatter._expand_help(found[name]).replace("|", "\\|"))
            for name in (only or found)
        ),
    )


def alerts() -> str:
    """Returns all alerts with their severity, meaning and page, as a table."""
    return _table(
        ("alert", "severity", "meaning"),
        (
            (f"[{alert.name}](runbook/{alert.name}.md)", alert.severity, alert.summary)
            for alert in ALERTS.values()
        ),
    )


def _parser(command: str) -> argparse.ArgumentParser:
    name, *rest = command.split()
    parsers = cli.parsers(lambda _: None)
    if name not in parsers:
        raise HarnessError(f"no command `payments {name}`")
    parser = parsers[name][0]
    for word in rest:
        choices = next(
            (each.choices for each in parser._actions if isinstance(each.choices, dict)), {}
        )
        if word not in choices:
            raise HarnessError(f"no command `payments {command}`")
        parser = choices[word]
    return parser


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    drawn = [head, ["---"] * len(head), *rows]
    body = "\n".join(f"| {' | '.join(row)} |" for row in drawn)
    return f"\n{body}\n"

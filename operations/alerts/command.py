"""Runs `payments alerts`; flags.py has its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from operations import json_document
from operations.alerts import flags, rule_files
from operations.alerts.catalogue import ALERTS
from operations.alerts.rule import Shape
from payments import exit_codes, rows_text


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "generate":
        for path in rule_files.generate():
            print(f"wrote {path.relative_to(rule_files.REPOSITORY)}")
        print("the files of deploy/ are as operations/alerts declares")
        return exit_codes.WELL
    return _list(arguments.json)


def _list(as_json: bool) -> int:
    shape = Shape()
    columns = ["alert", "severity", "for", "meaning"]
    rows = [
        [alert.name, alert.severity, shape.lasts(alert.lasts_sec), alert.summary]
        for alert in ALERTS.values()
    ]
    if as_json:
        json_document.show(rows_text.documents(columns, rows))
    else:
        print(rows_text.aligned(columns, rows))
    return exit_codes.WELL


if __name__ == "__main__":
    sys.exit(main())

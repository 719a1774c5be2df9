"""Runs `payments dashboards`; flags.py has its help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from operations import json_document
from operations.alerts.rule_files import REPOSITORY
from operations.dashboards import catalogue, files, flags
from payments import exit_codes


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "generate":
        for path in files.generate():
            print(f"wrote {path.relative_to(REPOSITORY)}")
        print("the files of deploy/ are as operations/dashboards declares")
    elif arguments.json:
        json_document.show(catalogue.documents())
    else:
        for row in catalogue.ROWS:
            print(f"\n{row.title}")
            for panel in row.panels:
                print(f"\n  {panel.title}\n    {panel.normal}")
                for query in panel.queries:
                    print(f"    {query.expression}")
    return exit_codes.WELL


if __name__ == "__main__":
    sys.exit(main())

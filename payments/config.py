"""Tells each setting, its value and where that came from: a flag, a variable, the file, the job.

    payments config show --config=payments.toml

    setting                  value           from
    kafka_bootstrap_servers  broker:9092     kafka_bootstrap_servers in payments.toml
    flink                    jobmanager:8081 PAYMENTS_FLINK
    clock_skew_sec           300             default
    …

Takes the settings of all commands as flags. What is `default` is so for the job: a command beside
it has the default that its --help tells. No setting is a secret: kafka_config_file names a file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from payments import exit_codes, sources
from payments.parser import Parser, of_document
from payments.settings import SETTINGS, Setting

_HEADERS = ("setting", "value", "from")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    return exit_codes.run(lambda: _show(argv))


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = of_document("payments config", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="tells each setting and where its value came from")
    for name in SETTINGS:
        show.add_setting(name)
    show.add_argument("--json", action="store_true", help="Print one JSON document instead.")
    return whole


def _show(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    rows = [_row(setting, arguments) for setting in SETTINGS.values()]
    if arguments.json:
        print(json.dumps([dict(zip(("name", "value", "from"), row, strict=True)) for row in rows]))
    else:
        cells = [_HEADERS, *(tuple(cell or "-" for cell in row) for row in rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(2)]
        for name, value, source in cells:
            print(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}")
    for variable in sources.unknown_variables():
        print(f"note: no setting is called {variable}", file=sys.stderr)
    return exit_codes.WELL


def _row(setting: Setting, arguments: argparse.Namespace) -> tuple[str, str | None, str | None]:
    added = arguments.settings_added.get(setting.name)
    if added is not None:
        return setting.name, added.text, added.source
    given = getattr(arguments, setting.name)
    if given is not None:
        return setting.name, given, setting.flag
    return setting.name, setting.default, None if setting.default is None else "default"

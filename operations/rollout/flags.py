"""Runs a new version beside the old one: compares records, moves readers by shares, takes back.

    payments rollout serve     --dataset=my-project.payments_1 …
    payments rollout savepoint --flink=jobmanager:8081 --blue_job=ID
    payments run --runner=FlinkRunner --savepoint_path=URI --shadow \\
        --bigquery_dataset=my-project.payments_2 …
    payments rollout compare   --green=my-project.payments_2 …
    payments rollout ramp      --green=my-project.payments_2 --share=25 …
    payments rollout ramp      --green=my-project.payments_2 --share=100 …
    payments rollout stop      --flink=jobmanager:8081 --blue_job=ID …

Readers ask the views in --live_dataset, which are named as the tables. They show blue's records up
to the offsets where green began, and from there on green's for a share of the ids, and blue's for
the others; one INSERT changes all views at once. docs/upgrade.md, "Blue and green", tells the rest.

Exit code: 0 done, 1 green does not count as blue does (nothing was changed), 2 a mistake in the
flags, 3 it could not be done.
"""

from __future__ import annotations

import argparse

from operations import flag_types, tool_flags
from payments.parser import Parser

_COMMANDS = {
    "serve": "makes the views, which show one dataset at first",
    "savepoint": "takes a savepoint of the old job, which goes on",
    "compare": "asks whether green counts as blue does",
    "ramp": "compares, then lets green be read for a share",
    "take-back": "lets blue be read for everything again",
    "stop": "ends the old job, once its rows are flushed",
    "status": "tells which dataset is read for which offsets",
}
_ASKS_FLINK = ("savepoint", "compare", "ramp", "stop")
_CHANGES = ("serve", "ramp", "take-back", "stop")


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments rollout", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    of = {name: commands.add_parser(name, help=words) for name, words in _COMMANDS.items()}
    for name, command in of.items():
        if name in _ASKS_FLINK:
            tool_flags.add_flink(command)
            command.add_argument(
                "--blue_job", required=True, metavar="ID", help="Flink's id of the old job."
            )
            tool_flags.add_wait(command, "How long to wait at most: for rows, or for Flink", 120)
        if name != "savepoint":  # which needs Flink alone
            _add_places(command)
        if name in _CHANGES:
            tool_flags.add_dry_run(command)
    tool_flags.add_dataset(of["serve"], "--dataset", "Dataset of the job that runs.")
    of["ramp"].add_argument(
        "--share",
        type=_percent,
        required=True,
        metavar="PERCENT",
        help="Percent of the ids that readers get from green; 100 switches all.",
    )
    for name in ("compare", "ramp"):
        of[name].add_argument(
            "--green_job", required=True, metavar="ID", help="Flink's id of the new job."
        )
        of[name].add_argument(
            "--accept_differences",
            action="store_true",
            help="Go on although green judges some records otherwise, as a new rule may.",
        )
    for name in ("compare", "ramp", "take-back"):
        tool_flags.add_dataset(of[name], "--green", "Dataset of the new job.")
    return whole


def _add_places(command: Parser) -> None:
    tool_flags.add_kafka(command)
    tool_flags.add_topics(command)
    command.add_setting("live_dataset", type=flag_types.dataset, required=True)
    tool_flags.add_bigquery_endpoint(command)
    tool_flags.add_json(command)


def _percent(said: str) -> int:
    if not said.isdecimal() or not 1 <= int(said) <= 100:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to 100, got {said!r}")
    return int(said)

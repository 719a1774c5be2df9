"""Runs `payments dead-letters`; flags.py has its help."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from operations.dead_letters import commands, flags, folder
from operations.dead_letters.history import Filter, History
from operations.dead_letters.receipt import Receipt
from operations.dead_letters.send import SLACK_SEC_MIN, SendConfig
from operations.errors import UsageError
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import Limits
from operations.runs import limits
from operations.runs.limits import Contradicts
from payments import exit_codes
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

_RECEIPT = "dead_letters.receipt.jsonl"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (flags.py)."""
    kafka_causes.keep_to_ourselves()
    arguments = flags.parser().parse_args(argv)
    return exit_codes.run(
        lambda: _COMMANDS[arguments.command](arguments),
        {Contradicts: exit_codes.USAGE, kafka_properties.PropertiesError: exit_codes.USAGE},
        interrupted="interrupted; `send` again goes on where it stopped",
    )


def _list(arguments: argparse.Namespace) -> int:
    form: commands.ListForm = "places" if arguments.places else "table"
    form = "json" if arguments.json else form
    return commands.list_letters(_history(arguments), _filter(arguments), form)


def _show(arguments: argparse.Namespace) -> int:
    form: commands.PageForm = "payload" if arguments.payload else "page"
    form = "json" if arguments.json else form
    return commands.show_letter(_history(arguments), arguments.place, form)


def _edit(arguments: argparse.Namespace) -> int:
    history, sheets = _history(arguments), folder.Folder(arguments.folder)
    limits = functools.cache(lambda: _limits(arguments))
    if not sheets.exists:
        selected = arguments.places or _filter(arguments)
        headers = limits().contract.headers
        commands.start_edit(history, selected, sheets, _topics(arguments), headers)
    elif arguments.places or _filter(arguments) != Filter(limit=arguments.limit):
        raise UsageError(
            f"{sheets.path} holds payloads already: no others can be selected. Hint: name another "
            "--folder, or select none to set fields and check again"
        )
    return commands.go_on_editing(history, sheets, arguments.settings, limits())


def _send(arguments: argparse.Namespace) -> int:
    if bool(arguments.places) == (arguments.folder is not None):
        raise UsageError("either PLACE… or --from FOLDER is required. Hint: `list` names places")
    config = _send_config(arguments)
    history = _history(arguments)
    if arguments.folder is None:
        letters = commands.found(history, arguments.places)
        headers = config.limits.contract.headers
        candidates = commands.as_stored(letters, config.topics, headers)
        receipt = Path(_RECEIPT)
    else:
        candidates = commands.from_folder(history, folder.Folder(arguments.folder))
        receipt = arguments.folder / folder.RECEIPT
    return commands.send_letters(candidates, history, Receipt(arguments.receipt or receipt), config)


def _send_config(arguments: argparse.Namespace) -> SendConfig:
    limits = _limits(arguments)
    lag_max_us = arguments.lag_max_sec * 1_000_000
    lag_sec_max = limits.horizon_us // 1_000_000 - SLACK_SEC_MIN
    if arguments.lag_max_sec > lag_sec_max:
        raise UsageError(
            f"--lag_max_sec must be {SLACK_SEC_MIN} below the horizon (allowed lateness + clock "
            f"skew), {lag_sec_max} at most, got {arguments.lag_max_sec}. Hint: an id that the "
            "pipeline has forgotten before it is seen in a table would be counted twice"
        )
    topics = _topics(arguments)
    assert topics is not None  # argparse requires the brokers
    return SendConfig(
        topics,
        limits,
        lag_max_us,
        arguments.topic,
        arguments.yes,
        arguments.again,
        arguments.even_invalid,
    )


def _history(arguments: argparse.Namespace) -> History:
    project, name = arguments.bigquery_dataset
    return History(Dataset(project, name, arguments.bigquery_endpoint))


def _topics(arguments: argparse.Namespace) -> Topics | None:
    if arguments.kafka_bootstrap_servers is None:
        return None
    properties = kafka_properties.load(arguments.kafka_config_file)
    names = getattr(arguments, "kafka_topics", ())
    return Topics(arguments.kafka_bootstrap_servers, names, properties)


def _limits(arguments: argparse.Namespace) -> Limits:
    return Limits.of(limits.of_flags(arguments, commands.tell))


def _filter(arguments: argparse.Namespace) -> Filter:
    return Filter(
        arguments.reason,
        arguments.topic,
        arguments.since,
        arguments.until,
        arguments.all,
        arguments.limit,
    )


_COMMANDS = {"list": _list, "show": _show, "edit": _edit, "send": _send}

if __name__ == "__main__":
    sys.exit(main())

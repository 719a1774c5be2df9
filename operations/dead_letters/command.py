"""Lists rejected records with their reasons, and sends them again once they are corrected.

    FLAGS="--bigquery_dataset=my-project.payments"
    KAFKA="--kafka_bootstrap_servers=broker:9092"
    payments dead-letters list $FLAGS --reason=unknown_currency --since=2h
    payments dead-letters show $FLAGS payments/2/4711
    payments dead-letters edit $FLAGS payments/2/4711 --folder=mend --set currency=EUR
    payments dead-letters send $FLAGS $KAFKA --from=mend          (tells, sends nothing)
    payments dead-letters send $FLAGS $KAFKA --from=mend --yes

A record that is sent again carries a header that names its dead letter, so its second fate is
linked to the first, and is judged by its first arrival. What could be counted twice is skipped;
no flag changes that (docs/decisions/0006).

Exit code: 0 all done, or nothing to do; 1 something was skipped, failed, or is still wrong;
2 a mistake in the flags.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from operations.dead_letters import commands, flags, folder
from operations.dead_letters.history import Filter, History
from operations.dead_letters.receipt import Receipt
from operations.dead_letters.send import SLACK_SEC_MIN, SendConfig
from operations.errors import CannotStart, ReplayError, UsageError
from operations.reconcile.settings import Dataset, Topics
from operations.reconcile.truth import Limits
from operations.runs import limits
from operations.runs.limits import Contradicts
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

EXIT_FAILED = 1
EXIT_USAGE = 2
_RECEIPT = "dead_letters.receipt.jsonl"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    kafka_causes.keep_to_ourselves()
    arguments = flags.parser(__doc__ or "").parse_args(argv)
    try:
        return _COMMANDS[arguments.command](arguments)
    except (UsageError, Contradicts, kafka_properties.PropertiesError) as error:
        commands.tell(f"error: {error}")
        return EXIT_USAGE
    except (ReplayError, CannotStart) as error:
        commands.tell(f"error: {error}")
        return EXIT_FAILED
    except KeyboardInterrupt:
        commands.tell("interrupted; `send` again goes on where it stopped")
        return EXIT_FAILED


def _list(arguments: argparse.Namespace) -> int:
    return commands.list_letters(_history(arguments), _filter(arguments), arguments.places)


def _show(arguments: argparse.Namespace) -> int:
    return commands.show_letter(_history(arguments), arguments.place, arguments.payload)


def _edit(arguments: argparse.Namespace) -> int:
    history, sheets = _history(arguments), folder.Folder(arguments.folder)
    if not sheets.exists:
        selected = arguments.places or _filter(arguments)
        commands.start_edit(history, selected, sheets, _topics(arguments))
    elif arguments.places or _filter(arguments) != Filter(limit=arguments.limit):
        raise UsageError(
            f"{sheets.path} holds payloads already: no others can be selected. Hint: name another "
            "--folder, or select none to set fields and check again"
        )
    return commands.go_on_editing(history, sheets, arguments.settings, _limits(arguments))


def _send(arguments: argparse.Namespace) -> int:
    if bool(arguments.places) == (arguments.folder is not None):
        raise UsageError("either PLACE… or --from FOLDER is required. Hint: `list` names places")
    config = _send_config(arguments)
    history = _history(arguments)
    if arguments.folder is None:
        letters = commands.found(history, arguments.places)
        candidates = commands.as_stored(letters, config.topics)
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
    found = limits.of_flags(arguments, commands.tell)
    return Limits(found.clock_skew_sec * 1_000_000, found.allowed_lateness_sec * 1_000_000)


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

"""Lists rejected records with their reasons, and sends them again once they are corrected.

    FLAGS="--bigquery_dataset=my-project.payments"
    KAFKA="--kafka_bootstrap_servers=broker:9092"
    payments dead-letters list $FLAGS --reason=unknown_currency --since=2h
    payments dead-letters show $FLAGS payments/2/4711
    payments dead-letters edit $FLAGS payments/2/4711 --folder=fixed --set currency=EUR
    payments dead-letters send $FLAGS $KAFKA --from=fixed          (tells, sends nothing)
    payments dead-letters send $FLAGS $KAFKA --from=fixed --yes

A record that is sent again carries a header that names its dead letter, so its second outcome is
linked to the first, and is judged by its first arrival. What could be counted twice is skipped;
no flag changes that (docs/decisions/0006).

Exit code: 0 all done, or nothing to do; 1 something was skipped, failed, or is still wrong;
2 a mistake in the flags; 3 Kafka or BigQuery did not answer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from operations import flag_types, tool_flags
from operations.dead_letters import fields
from operations.dead_letters.letters import place_named
from operations.reconcile.truth import Place
from payments.parser import Parser
from transforms.payment.dead_letter import Reason

_PLACE = "TOPIC/PARTITION/OFFSET of a dead letter, as `list` prints it."
_LIMIT = "Dead letters at most (default: %(default)s)."


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments dead-letters", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, add_flags, words in (
        ("list", _add_list, "name dead letters, and what became of them"),
        ("show", _add_show, "print one with its payload and its chain of replays"),
        ("edit", _add_edit, "write payloads to a folder; set fields; check what is still wrong"),
        ("send", _add_send, "send them to their topic again; a dry run without --yes"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        tool_flags.add_bigquery(command)
        add_flags(command)
    return whole


def _add_list(command: Parser) -> None:
    _add_filters(command)
    command.add_argument(
        "--places", action="store_true", help="Print places alone, one a line, for xargs."
    )
    tool_flags.add_json(command)


def _add_show(command: Parser) -> None:
    command.add_argument("place", type=_place, metavar="PLACE", help=_PLACE)
    command.add_argument(
        "--payload", action="store_true", help="Write the payload alone to stdout, byte for byte."
    )
    tool_flags.add_json(command)


def _add_edit(command: Parser) -> None:
    command.add_argument("places", type=_place, nargs="*", metavar="PLACE", help=_PLACE)
    _add_filters(command)
    unless = "Needed for what BigQuery refused: its bytes are only in Kafka."
    tool_flags.add_kafka(command, unless)
    tool_flags.add_limits(command)
    command.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="Where the payloads are written, one file each. One that holds some already is "
        "changed by --set and checked again.",
    )
    command.add_argument(
        "--set",
        dest="settings",
        type=_setting,
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="Set a field of every payload: a value that is JSON as JSON, any other as text. "
        "data.object.currency is a field of a field, header:ce_type a header. A path is one of the "
        "contract's, inside what it unwraps; the encoding and the schema's id stay.",
    )


def _add_send(command: Parser) -> None:
    command.add_argument("places", type=_place, nargs="*", metavar="PLACE", help=_PLACE)
    command.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="What `edit` wrote, as it is."
    )
    tool_flags.add_kafka(command)
    tool_flags.add_limits(command)
    add = command.add_argument
    add("--yes", action="store_true", help="Send. Without it, only tell what would be sent.")
    add("--topic", type=flag_types.topic, help="Send there, not to the topic each came from.")
    command.add_setting(
        "kafka_topics",
        type=flag_types.topics,
        default=(),
        meaning="Topics that the job reads (default: those that the tables have rows of).",
    )
    add(
        "--lag_max_sec",
        type=flag_types.seconds,
        default=600,
        metavar="SEC",
        help="Send nothing while a record has waited for the pipeline for longer: what it has "
        "counted could not be known (default: %(default)s).",
    )
    add(
        "--receipt",
        type=Path,
        metavar="FILE",
        help="What was sent; an interrupted send goes on from it (default: receipt.jsonl in "
        "FOLDER, else dead_letters.receipt.jsonl here).",
    )
    add("--again", action="store_true", help="Send also what was sent before.")
    add("--even_invalid", action="store_true", help="Send also what would be rejected again.")


def _add_filters(command: Parser) -> None:
    group = command.add_argument_group("which dead letters")
    group.add_argument(
        "--reason",
        choices=[reason.value for reason in Reason],
        metavar="REASON",
        help="One of: " + ", ".join(reason.value for reason in Reason),
    )
    group.add_argument("--topic", type=flag_types.topic, help="Arrived in this topic.")
    for name, words in (("since", "Arrived then or later"), ("until", "Arrived before")):
        group.add_argument(
            f"--{name}",
            type=flag_types.moment,
            metavar="TIME",
            help=f"{words}: 2026-11-23T08:15Z (UTC without a zone), or 30m, 2h, 7d ago.",
        )
    group.add_argument("--limit", type=_positive, default=100, help=_LIMIT)
    group.add_argument("--all", action="store_true", help="Also those that were sent again.")


def _place(text: str) -> Place:
    try:
        return place_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _setting(text: str) -> fields.Setting:
    try:
        return fields.setting(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return int(text)

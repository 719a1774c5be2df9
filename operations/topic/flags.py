"""The topics: which there are, one made as payments need it, and what arrives, record by record.

    payments topic list
    payments topic create my-payments --partitions=8
    payments topic watch my-payments
    payments topic copy --from=theirs --to=my-payments

`create` sets `message.timestamp.type=LogAppendTime`: arrival is then a property of the record that
no producer can set (docs/proof.md rests on it). A topic that is there stays as it is. `watch`
shows committed records, those that arrive from then on, or the last ones too (--last); how a record
ends is what `payments trace` tells, later. Payloads are shown as fields, never as they are: as
--contract reads them, or the newest run of --bigquery_dataset.

`copy` is for a topic whose producers' times nobody bounds, and which must stay as it is: it copies
each committed record once, with key, value and headers, into the same partition of a topic that has
LogAppendTime, and says in the header payments-copied-from where the original is. It may be killed
at any time and started again.

Exit code: 0 done, 1 a topic is there that has its producers' times, 2 a mistake in the flags, 3
Kafka did not answer, 130 ended by Ctrl-C, as `watch` is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from operations import contract_flag, flag_types, tool_flags
from payments.parser import Parser

_PARTITIONS_MAX = 1_000
_REPLICAS_MAX = 16
_RECORDS_MAX = 1_000_000


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments topic", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    lists = commands.add_parser("list", help="tells the topics, and what each holds")
    creates = commands.add_parser("create", help="makes a topic with LogAppendTime")
    creates.add_argument("name", type=flag_types.topic, metavar="TOPIC", help="Its name.")
    creates.add_argument(
        "--partitions",
        type=_number(1, _PARTITIONS_MAX),
        default=4,
        metavar="N",
        help="How many partitions (default: %(default)s).",
    )
    creates.add_argument(
        "--replicas",
        type=_number(1, _REPLICAS_MAX),
        default=-1,  # Kafka takes its own default for that
        metavar="N",
        help="How many brokers hold each (default: as Kafka is set).",
    )
    tool_flags.add_dry_run(creates)
    watches = commands.add_parser("watch", help="shows each record of a topic as it arrives")
    watches.add_argument(
        "name",
        nargs="?",
        type=flag_types.topic,
        metavar="TOPIC",
        help="Which topic (default: those of --kafka_topics).",
    )
    watches.add_setting("kafka_topics", type=flag_types.topics)
    watches.add_argument(
        "--last",
        type=_number(0, _RECORDS_MAX),
        default=0,
        metavar="N",
        help="Begin with the last N offsets of each partition (default: %(default)s).",
    )
    watches.add_argument(
        "--count",
        type=_number(1, _RECORDS_MAX),
        metavar="N",
        help="End after so many records (default: Ctrl-C ends it).",
    )
    contract_flag.add(watches, "Before that of the newest run.")
    watches.add_setting(
        "bigquery_dataset",
        type=flag_types.dataset,
        meaning="Dataset whose newest run says the contract.",
    )
    tool_flags.add_bigquery_endpoint(watches)
    copies = commands.add_parser("copy", help="copies a topic into one with LogAppendTime")
    for name, meaning in (("from", "The topic to copy."), ("to", "The topic to copy into.")):
        copies.add_argument(
            f"--{name}",
            dest=f"{name}_topic",
            type=flag_types.topic,
            required=True,
            metavar="TOPIC",
            help=meaning,
        )
    copies.add_argument(
        "--once", action="store_true", help="End when all is copied (default: Ctrl-C ends it)."
    )
    for each in (lists, creates, watches, copies):
        tool_flags.add_kafka(each)
    for each in (lists, creates):
        tool_flags.add_json(each)
    watches.add_argument("--json", action="store_true", help="Print a line of JSON a record.")
    return whole


def _number(least: int, most: int) -> Callable[[str], int]:
    def value(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least} to {most}, got {text!r}"
            )
        return int(text)

    return value

"""A contract for your own payments: a tested example, and what it makes of a sample.

    payments contract init    --from=stripe --out=my.yaml
    payments contract check   my.yaml --sample=events.ndjson
    payments contract check   my.yaml --topic=payments --kafka_bootstrap_servers=broker:9092
    payments contract explain my.yaml --record=events.ndjson:7

`check` needs no Kafka: a sample is JSON, NDJSON, an Avro container file, base64 lines, the raw
bytes of one record, or lines with key, headers and value (--as says which, if its name does not).
With --topic the newest records of each partition are read (--records); nothing is committed.
`explain` shows the way of one record: its file and its line, as `check` names it, or - for stdin.

Exit code: 0 all records are accepted or skipped, 1 some are invalid, 2 the contract or a flag is
wrong, 3 a file or the registry could not be read.
"""

from __future__ import annotations

import argparse

from operations import flag_types, tool_flags
from operations.contract import samples
from payments.parser import Parser
from transforms.codecs.contract import shipped

_CLOCK_SKEW_SEC = 300
_COUNT_MAX = 100_000_000


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _COUNT_MAX:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1 to {_COUNT_MAX}, got {text!r}"
        )
    return int(text)


def parser() -> Parser:
    """Returns the parser of the command line."""
    whole = tool_flags.parser("payments contract", __doc__)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="writes a tested example with comments")
    init.add_argument(
        "--from",
        dest="from_name",
        required=True,
        choices=shipped.NAMES,
        metavar="NAME",
        help=f"One of {', '.join(shipped.NAMES)}.",
    )
    init.add_argument("--out", metavar="FILE", help="Where to (default: standard output).")
    checks = commands.add_parser("check", help="says what becomes of the records of a sample")
    checks.add_argument(
        "--sample", action="append", default=[], metavar="FILE", help="Records; repeatable."
    )
    checks.add_argument(
        "--topic", type=flag_types.topics, default=(), metavar="TOPIC[,…]", help="Topics to sample."
    )
    checks.add_argument(
        "--records",
        type=_count,
        default=1_000,
        metavar="N",
        help="Newest records of each partition of a topic (default: %(default)s).",
    )
    tool_flags.add_kafka(checks, "For --topic.")
    checks.add_argument(
        "--rate_per_min",
        type=_count,
        default=10_000,
        metavar="N",
        help="Records a minute, to estimate state (default: %(default)s).",
    )
    explains = commands.add_parser("explain", help="shows the way of one record, step by step")
    explains.add_argument(
        "--record",
        required=True,
        metavar="FILE[:LINE]|-",
        help="The record; without a line, the first of the file. - is standard input.",
    )
    for command in (checks, explains):
        _add_common(command)
    return whole


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("contract", metavar="CONTRACT", help="The contract file.")
    command.add_argument(
        "--as",
        dest="kind",
        choices=samples.KINDS,
        metavar="KIND",
        help=f"What the file holds: {', '.join(samples.KINDS)} (default: by its name).",
    )
    command.add_argument(
        "--schemas", metavar="FOLDER", help="Schemas ID.avsc, instead of the registry."
    )
    command.add_argument(
        "--clock_skew_sec",
        type=flag_types.in_range_of("--clock_skew_sec"),
        default=_CLOCK_SKEW_SEC,
        metavar="SEC",
        help="As the pipeline runs with (default: %(default)s).",
    )
    tool_flags.add_json(command)

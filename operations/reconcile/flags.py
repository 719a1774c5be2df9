"""Proves that every record was counted exactly once: compares Kafka, by offset, with BigQuery.

    payments reconcile --kafka_bootstrap_servers=broker:9092 --kafka_topics=payments \\
        --bigquery_dataset=my-project.payments --wait_sec=60

    outcome    table                rows
    ---------  -----------------  ------
    accepted   transactions        99012
    …
    reconciled: read=100000 accepted=99012 duplicate=938 conflict=3 late=0 invalid=47 …

Reads every topic again from its earliest record to where it ends now, and decides from the records
alone how each must have ended; with --ledger, also what the simulator meant it to be. --since_last
reads only what no check before has proven, --since and --until what arrived then. Everything is
sorted on disk, where TMPDIR says: about 200 bytes for each record, and memory that does not grow.

Each verdict becomes a row of the table `reconciliations`.

Exit code: 0 balanced, 1 not balanced, 2 a mistake in the flags, 3 it could not be checked, or its
verdict, though printed, could not be written down.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from operations import flag_types, tool_flags
from payments.parser import Parser


def parser() -> Parser:
    """Returns the parser of the command line."""
    found = tool_flags.parser("payments reconcile", __doc__)
    tool_flags.add_kafka(found)
    tool_flags.add_topics(found)
    tool_flags.add_bigquery(found)
    tool_flags.add_limits(found)
    _add_own_flags(found)
    return found


def _add_own_flags(parser: Parser) -> None:
    parser.add_setting(
        "ledger",
        type=_file,
        nargs="+",
        action="extend",
        default=[],
        meaning="What the simulator sent, JSON Lines. Several files together must name every "
        "record.",
    )
    parser.add_argument(
        "--partial_ledger",
        type=_file,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="What a simulator wrote down before it was killed. Records missing from it must be "
        "named by a --ledger, whose simulator sent the same once more.",
    )
    tool_flags.add_wait(
        parser,
        "Wait until as many rows are queryable as Kafka holds records, and totals by minute "
        "match them, but no longer than this",
    )
    for name, words in (("since", "arrived then or later"), ("until", "arrived before")):
        parser.add_argument(
            f"--{name}",
            type=flag_types.moment,
            metavar="TIME",
            help=f"Check only what {words}: 2026-11-23T08:15Z (UTC without a zone), or 30m, 2h, "
            "7d ago.",
        )
    parser.add_argument(
        "--since_last",
        action="store_true",
        help="Check only what lies behind the last offset that a check before has proven.",
    )
    parser.add_argument(
        "--no_log",
        action="store_true",
        help="Write no row of the verdict, for a dataset of views or without the right to write.",
    )
    tool_flags.add_json(parser)


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {text}")
    return path

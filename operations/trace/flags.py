"""Tells what became of one payment, or of one record: where it is, how it ended, and why.

    payments trace tx-81f3
    payments trace payments/2/4711 --json

All records of the id are told: place, arrival, outcome, reason; what each copies or contradicts,
and in which facts, with both values; which dead letter sends which again; the indicators raised;
the minute of the payment and its total.

A record that no table holds is told apart: it waits for a checkpoint (a job holds the tables), or
for a job (none does); the job has passed it over (`payments reconcile` then); it is not committed;
Kafka holds no record there, has removed it by retention, or does not reach so far; or it is
unknown: in no table within the time looked at, and not among the records of Kafka that wait.

What it reads: the tables are partitioned by day of arrival (`transactions` by event time), so only
the days since --since, 7 unless told otherwise, are read. An id lies in any partition of Kafka:
for BigQuery to look for it is a scan of these days, and is billed so; every outcome table is read
as far as these days go, `dead_letters` with its payloads. In Kafka an id is looked for only where
the tables may not be yet, and read from JSON that has a `transaction_id`: with payloads of another
form, trace the place. A dead letter that was sent again after more days than that is found by its
own place, or with a greater --days.

Exit code: 0 found, in a table or waiting; 1 it is not, or was passed over; 2 a mistake in what was
asked for; 3 Kafka or BigQuery could not be asked.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re

from operations import flag_types, tool_flags
from operations.dead_letters.letters import place_named
from operations.reconcile.truth import Place
from payments.parser import Parser

_DAYS = 7
_DAYS_MAX = 3_650
_RECORDS_MAX = 100_000
# As transforms/payment/rules.py has it; shells and logs add blanks.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


def parser() -> Parser:
    """Returns the parser of the command line."""
    found = tool_flags.parser("payments trace", __doc__)
    found.add_argument(
        "target",
        type=target,
        metavar="ID|TOPIC/PARTITION/OFFSET",
        help="A transaction_id, or the place of a record.",
    )
    tool_flags.add_kafka(found)
    tool_flags.add_topics(found)
    tool_flags.add_bigquery(found)
    bound = found.add_mutually_exclusive_group()
    bound.add_argument(
        "--since",
        type=flag_types.moment,
        metavar="TIME",
        help="Look at what arrived then or later: 2026-11-23T08:15Z, or 36h.",
    )
    bound.add_argument(
        "--days",
        type=_days,
        default=_DAYS,
        metavar="N",
        help="The same, so many days ago (default: %(default)s).",
    )
    found.add_argument(
        "--records_max",
        type=_records,
        default=_RECORDS_MAX,
        metavar="N",
        help="Of each partition of Kafka look at so many records at most for an id "
        "(default: %(default)s).",
    )
    tool_flags.add_json(found)
    return found


def target(text: str) -> Place | str:
    """Returns a place, or an id: an id has no slash and no bracket."""
    text = text.strip()
    if "/" in text or "[" in text:
        try:
            return place_named(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    if not _ID.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "must be a transaction_id (1 to 64 of A-Z a-z 0-9 . _ : -) or TOPIC/PARTITION/OFFSET, "
            f"got {text[:80]!r}. Hint: a record with another id is a dead letter: trace its place"
        )
    return text


def since_us(arguments: argparse.Namespace) -> int:
    """Returns from when on is looked, microseconds since the epoch."""
    moment = arguments.since or dt.datetime.now(dt.UTC) - dt.timedelta(days=arguments.days)
    return int(moment.timestamp()) * 1_000_000


def _days(text: str) -> int:
    return _number(text, _DAYS_MAX)


def _records(text: str) -> int:
    return _number(text, 1_000_000_000)


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {most}, got {text!r}")
    return int(text)

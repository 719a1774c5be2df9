"""Writes one page about a day of payments, for an auditor: counts, sums, and what proves them.

    payments report
    payments report --since=2026-11-23 --until=2026-11-24 --out=november-23.html
    payments report --json | jq .partitions
    payments report --dry_run

Of the records that arrived yesterday (UTC), or within --since and --until: counts and exact sums by
outcome and currency; for each partition whether each record of Kafka has one row, offset by offset;
copies by hour and by payee; conflicts with both sides; lateness; dead letters by reason; skipped
records by rule; fraud indicators; what the reconciliations have found since; which runs held the
tables. The page is one HTML file that loads nothing from elsewhere.

The records are read again from Kafka; what they say only where a contract skips some. That contents
agree, field by field, is `payments reconcile`, whose verdicts the page quotes. --tables_only asks
BigQuery alone, for a time that Kafka no longer holds: nothing is then proven by the page itself.

Each query reads columns of the whole history on BigQuery, which bills that; --dry_run says how much
it would be, and so does the page.

Exit code: 0 each record has one row (or, with --tables_only, the tables do not contradict
themselves), 1 not so, or the newest reconciliation of all of it has failed, 2 a mistake in the
flags, 3 Kafka or BigQuery could not be asked, or the page not be written.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from operations import flag_types, tool_flags
from payments.parser import Parser


def parser() -> Parser:
    """Returns the parser of the command line."""
    found = tool_flags.parser("payments report", __doc__)
    tool_flags.add_kafka(found, "Not needed with --tables_only.")
    tool_flags.add_topics(found)
    tool_flags.add_bigquery(found)
    for name, words in (
        ("since", "First arrival (default: when yesterday began, UTC)"),
        ("until", "First arrival that is not reported (default: a day after --since)"),
    ):
        found.add_argument(
            f"--{name}",
            type=flag_types.moment,
            metavar="TIME",
            help=f"{words}: 2026-11-23, 2026-11-23T08:15Z, or 36h ago.",
        )
    found.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="Where to write the page (default: payments-report-DAY.html here; none with --json).",
    )
    found.add_argument(
        "--tables_only", action="store_true", help="Do not ask Kafka; nothing is proven then."
    )
    found.add_argument(
        "--dry_run", action="store_true", help="Tell what BigQuery would read, and write nothing."
    )
    tool_flags.add_json(found)
    return found


def range_of(
    since: dt.datetime | None, until: dt.datetime | None, now: dt.datetime
) -> tuple[dt.datetime, dt.datetime]:
    """Returns the range that is asked for, in UTC.

    Raises:
        ValueError: it is empty, or has not begun.
    """
    day = dt.timedelta(days=1)
    if since is None:
        today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        since = (today if until is None else until) - day
    until = since + day if until is None else until
    if since >= until:
        raise ValueError(f"--since must be before --until, got {since} and {until}")
    if since >= now:
        raise ValueError(f"--since must be in the past, got {since}")
    return since.astimezone(dt.UTC), until.astimezone(dt.UTC)

"""Checks a running job: lag, freshness, checkpoints, watermark, state, dead letters, a line each.

    payments health --kafka_bootstrap_servers=broker:9092 --kafka_topics=payments \\
        --bigquery_dataset=my-project.payments --flink=jobmanager:8081

    vital                    value      limit
    ------------------  ----------  ---------
    lag_records                 12     600000
    …
    health: well

A transaction that stays open holds back all that follows it in its partition: it is named. Of more
than 20,000 offsets that wait in a partition the number of records is an estimate.

Without --flink only what Kafka and BigQuery can tell is looked at: so on Dataflow, whose own
metrics have the rest. Counts are not checked here: that is `payments reconcile`.

For ten seconds and some more after a start a job's watermark is unknown or old, for Flink renews
what it tells only so often (`metrics.fetcher.update-interval`): --wait_sec asks until all is well.

Exit code: 0 well, 1 something is beyond its limit, 2 a mistake in the flags, 3 it could not be
checked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import orjson
from tabulate import tabulate

from operations import flag_types, polling, tool_flags
from operations.health.vital import Indicator
from operations.reconcile.settings import Dataset, Topics
from payments import exit_codes
from payments.parser import Parser
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

if TYPE_CHECKING:
    from operations.health.topic_side import OpenTransaction

# Limits that can be set, each a flag: name, default, meaning. Sources of the defaults:
# REQUIREMENTS.md 6 and 7 (state below 500 MB, alert above a minute); an hour at 10,000 a minute.
_LIMITS = {
    "lag_records": (600_000, "records in Kafka that are in no table yet"),
    "newest_row_age_sec": (60, "age of the newest record that is queryable, while records wait"),
    "open_transaction_sec": (60, "how long an open transaction has held back what follows it"),
    "dead_letter_ratio": (0.01, "share of invalid records among those of the window"),
    "checkpoint_age_sec": (60, "since the newest completed checkpoint: rows appear at checkpoints"),
    "watermark_age_sec": (60, "how far the slowest task is behind the clock"),
    "state_bytes": (500_000_000, "size of the newest checkpoint"),
}

_NAMED_MAX = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code (module docstring)."""
    kafka_causes.keep_to_ourselves()
    arguments = parser().parse_args(argv)
    return exit_codes.run(
        lambda: _run(arguments), {kafka_properties.PropertiesError: exit_codes.USAGE}
    )


def _run(arguments: argparse.Namespace) -> int:
    properties = kafka_properties.load(arguments.kafka_config_file)
    topics = Topics(arguments.kafka_bootstrap_servers, arguments.kafka_topics, properties)
    indicators = _settled_vitals(arguments, topics)
    print(_document(indicators) if arguments.json else _text(indicators))
    return exit_codes.WELL if _well(indicators) else exit_codes.FINDING


def _settled_vitals(arguments: argparse.Namespace, topics: Topics) -> Sequence[Indicator]:
    """Returns the first vitals that are well, or the last ones when the time to wait is over."""
    until = time.monotonic() + arguments.wait_sec
    while True:
        looked_at = time.monotonic()
        indicators = [*_data_vitals(arguments, topics), *_job_vitals(arguments)]
        if _well(indicators) or (left_sec := until - time.monotonic()) <= 0:
            return indicators
        unwell = ", ".join(vital.name for vital in indicators if not vital.healthy)
        print(f"waiting {left_sec:.0f} s at most for {unwell}", file=sys.stderr)
        time.sleep(polling.pause_sec(time.monotonic() - looked_at, left_sec))


def _well(indicators: Sequence[Indicator]) -> bool:
    return all(vital.healthy for vital in indicators)


def _data_vitals(arguments: argparse.Namespace, topics: Topics) -> Iterator[Indicator]:
    # Google's client, which nobody needs who only asks for help.
    from operations.health import tables_side, topic_side

    project, name = arguments.bigquery_dataset
    dataset = Dataset(project, name, arguments.bigquery_endpoint)
    with topic_side.connected(topics) as topic:
        ranges = topic.ranges()
        tables = tables_side.table_health(dataset, ranges, arguments.window_sec)
        lag = topic.waiting(ranges, tables.reach)
        transactions = topic.open_transactions()
    yield _vital(arguments, "lag_records", lag)
    # A topic without traffic has no new rows, and is well.
    age = tables.newest_row_age_sec if lag else 0.0
    yield _vital(arguments, "newest_row_age_sec", age)
    yield _open_transaction(arguments, transactions)
    yield _vital(arguments, "dead_letter_ratio", tables.dead_letter_ratio)


def _open_transaction(
    arguments: argparse.Namespace, transactions: Sequence[OpenTransaction]
) -> Indicator:
    """Returns the age of the oldest, which is named with some of the others."""
    vital = _vital(arguments, "open_transaction_sec", 0.0)
    if not transactions:
        return vital
    named = "; ".join(str(each) for each in transactions[:_NAMED_MAX])
    if len(transactions) > _NAMED_MAX:
        named += f"; {len(transactions) - _NAMED_MAX} more"
    return vital._replace(value=transactions[0].age_sec, meaning=f"{vital.meaning}: {named}")


def _job_vitals(arguments: argparse.Namespace) -> Iterator[Indicator]:
    if arguments.flink is None:
        return
    from operations.health import flink_side

    job = flink_side.job_health(arguments.flink, arguments.flink_job)
    stopped = "share of the job's tasks that do not run"
    yield Indicator("stopped_tasks", 1 - job.running_share, 0.0, stopped)
    yield _vital(arguments, "checkpoint_age_sec", job.checkpoint_age_sec)
    yield _vital(arguments, "watermark_age_sec", job.watermark_age_sec)
    yield _vital(arguments, "state_bytes", job.state_bytes)
    yield Indicator("restarts", job.restarts, None, "how often it came back from a checkpoint")


def _vital(arguments: argparse.Namespace, name: str, value: float | None) -> Indicator:
    return Indicator(name, value, getattr(arguments, f"{name}_max"), _LIMITS[name][1])


def _text(indicators: Sequence[Indicator]) -> str:
    rows = [
        (each.name, _number(each.value), _number(each.limit), "" if each.healthy else each.meaning)
        for each in indicators
    ]
    unwell = [each.name for each in indicators if not each.healthy]
    table = tabulate(rows, headers=("vital", "value", "limit", ""), disable_numparse=True)
    return (
        f"{table}\n\nhealth: {'well' if not unwell else 'beyond its limit: ' + ', '.join(unwell)}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _document(indicators: Sequence[Indicator]) -> str:
    document = {
        "well": _well(indicators),
        "vitals": [{**vital._asdict(), "healthy": vital.healthy} for vital in indicators],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def parser() -> Parser:
    """Returns the parser of the command line."""
    parser = tool_flags.parser("payments health", __doc__)
    tool_flags.add_kafka(parser)
    tool_flags.add_topics(parser)
    tool_flags.add_bigquery(parser)
    tool_flags.add_flink(parser, unless="; without it the job itself is not looked at")
    parser.add_argument("--flink_job", metavar="ID", help="Which job, where there are several.")
    parser.add_argument(
        "--window_sec",
        type=flag_types.seconds,
        default=600,
        metavar="SEC",
        help="Records that arrived within it make the dead-letter ratio (default: %(default)s).",
    )
    tool_flags.add_wait(parser, "Ask again until all is well, for at most this long")
    for name, (default, meaning) in _LIMITS.items():
        help_text = f"Limit of {meaning} (default: %(default)s)."
        parser.add_argument(
            f"--{name}_max", type=flag_types.limit, default=default, metavar="N", help=help_text
        )
    parser.add_argument("--json", action="store_true", help="Print one JSON document instead.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

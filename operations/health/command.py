"""Checks a running job, its topics and its tables: a section for each source, a line each.

    payments health --kafka_bootstrap_servers=broker:9092 --kafka_topics=payments \\
        --bigquery_dataset=my-project.payments --flink=jobmanager:8081

    Kafka broker:9092
      indicator                value      limit
      ------------------  ----------  ---------
      lag_records                 12     600000
    …
    health: well

A section for each source; one that is down is told in its section. A transaction that stays open
holds back all that follows it in its partition: it is named. Of more than 20,000 offsets that wait
in a partition the number of records is an estimate.

Without --flink only what Kafka and BigQuery can tell is looked at: so on Dataflow, whose own
metrics have the rest. With it the job's last failure is told, with its cause. Counts are not
checked here: that is `payments reconcile`.

A job that was just started and has not failed is `starting` while it has no checkpoint, for as
long as --checkpoint_age_sec_max. Its watermark is unknown or old for ten seconds and some more,
for Flink renews what it tells only so often (`metrics.fetcher.update-interval`): --wait_sec asks
until all is well.

--watch asks again every five seconds, or every SEC of --watch=SEC, and shows one screen; where that
is no terminal, a block after each look. Ctrl-C ends it.

Exit code: 0 well or starting, 1 something is beyond its limit, or no job lives, 2 a mistake in the
flags, 3 a source could not be asked, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from operations import flag_types, polling, tool_flags
from operations.health import text
from operations.health.indicators import Section
from operations.health.limits import LIMITS
from operations.reconcile.settings import Dataset, Topics
from payments import exit_codes
from payments.parser import Parser
from transforms.kafka import causes as kafka_causes
from transforms.kafka import properties as kafka_properties

if TYPE_CHECKING:  # Google's client, which nobody needs who only asks for help
    from operations.health.sections import Sources


_WATCH_SEC = 5
_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


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
    sources = _sources(arguments, topics)
    if arguments.watch:
        _watch(sources, arguments.watch, arguments.json)
    sections = _settled(sources, arguments.wait_sec)
    print(text.document(sections) if arguments.json else text.text(sections))
    if any(section.problem is not None for section in sections):
        return exit_codes.COULD_NOT_LOOK
    healthy = all(each.healthy for each in text.indicators(sections))
    return exit_codes.WELL if healthy else exit_codes.FINDING


def _sources(arguments: argparse.Namespace, topics: Topics) -> Sources:
    from operations.health.sections import Sources

    project, name = arguments.bigquery_dataset
    return Sources(
        topics,
        Dataset(project, name, arguments.bigquery_endpoint),
        arguments.flink,
        arguments.flink_job,
        arguments.window_sec,
        {name: getattr(arguments, f"{name}_max") for name in LIMITS},
    )


def _watch(sources: Sources, pause_sec: int, as_json: bool) -> NoReturn:
    """Shows each look, until Ctrl-C."""
    before, after = (_HOME_AND_CLEAR, "\n") if sys.stdout.isatty() else ("", "\n\n")
    while True:
        sections = sources.ask()
        moment = f"{dt.datetime.now(dt.UTC):%F %T} UTC, every {pause_sec} s, Ctrl-C ends it"
        said = text.document(sections) if as_json else f"{moment}\n\n{text.text(sections)}"
        sys.stdout.write(f"{before}{said}{after}")
        sys.stdout.flush()
        time.sleep(pause_sec)


def _settled(sources: Sources, wait_sec: float) -> list[Section]:
    """Returns what was found first that is well, or last when the time to wait is over."""
    until = time.monotonic() + wait_sec
    while True:
        looked_at = time.monotonic()
        sections = sources.ask()
        found = text.verdict(sections)
        if found == "well" or (left_sec := until - time.monotonic()) <= 0:
            return sections
        print(f"waiting {left_sec:.0f} s at most: {found}", file=sys.stderr)
        time.sleep(polling.pause_sec(time.monotonic() - looked_at, left_sec))


def parser() -> Parser:
    """Returns the parser of the command line."""
    parser = tool_flags.parser("payments health", __doc__)
    tool_flags.add_sources(parser)
    parser.add_argument(
        "--window_sec",
        type=flag_types.seconds,
        default=600,
        metavar="SEC",
        help="Records that arrived within it make the dead-letter ratio (default: %(default)s).",
    )
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--watch",
        nargs="?",
        const=_WATCH_SEC,
        type=flag_types.pause,
        metavar="SEC",
        help=f"Look again and again, every SEC seconds (default: {_WATCH_SEC}).",
    )
    tool_flags.add_wait(either, "Ask again until all is well, for at most this long")
    for name, (default, meaning) in LIMITS.items():
        help_text = f"Not well above this: {meaning} (default: %(default)s)."
        parser.add_argument(
            f"--{name}_max", type=flag_types.limit, default=default, metavar="N", help=help_text
        )
    parser.add_argument("--json", action="store_true", help="Print one JSON document instead.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The flags that the tools share: where Kafka and BigQuery are, and the limits of the pipeline.

Their names, and what else says them, are in payments/settings.py. The types are here because the
job checks the same values by the same functions (pipeline/config_values.py).
"""

from __future__ import annotations

import argparse

from operations import flag_types
from payments.parser import Parser
from payments.parser import of_document as parser

__all__ = [
    "add_bigquery",
    "add_bigquery_endpoint",
    "add_dataset",
    "add_dry_run",
    "add_flink",
    "add_json",
    "add_kafka",
    "add_limits",
    "add_sources",
    "add_topics",
    "add_wait",
    "parser",
]


def add_bigquery(parser: Parser) -> None:
    """Adds --bigquery_dataset and --bigquery_endpoint."""
    parser.add_setting("bigquery_dataset", type=flag_types.dataset, required=True)
    add_bigquery_endpoint(parser)


def add_dataset(parser: argparse.ArgumentParser, flag: str, meaning: str) -> None:
    """Adds a required flag that names a dataset, and is no setting."""
    parser.add_argument(
        flag, type=flag_types.dataset, required=True, metavar="PROJECT.DATASET", help=meaning
    )


def add_bigquery_endpoint(parser: Parser) -> None:
    """Adds --bigquery_endpoint."""
    parser.add_setting("bigquery_endpoint", type=flag_types.host_port)


def add_kafka(parser: Parser, unless: str = "") -> None:
    """Adds --kafka_bootstrap_servers and --kafka_config_file.

    Args:
        unless: what the brokers are needed for, where they are not always.
    """
    parser.add_setting(
        "kafka_bootstrap_servers",
        type=flag_types.servers,
        required=not unless,
        meaning=f"Kafka brokers to ask first. {unless}".strip(),
    )
    parser.add_setting("kafka_config_file")


def add_topics(parser: Parser) -> None:
    """Adds --kafka_topics."""
    parser.add_setting("kafka_topics", type=flag_types.topics, required=True)


def add_flink(parser: Parser, unless: str = "") -> None:
    """Adds --flink.

    Args:
        unless: what is done without it, where it is not always needed.
    """
    parser.add_setting(
        "flink",
        type=flag_types.host_port,
        required=not unless,
        meaning=f"REST address of Flink's JobManager{unless}.",
    )


def add_sources(parser: Parser) -> None:
    """Adds where Kafka, the tables and the job are, for who looks at all three."""
    add_kafka(parser)
    add_topics(parser)
    add_bigquery(parser)
    add_flink(parser, unless="; without it the job itself is not looked at")
    parser.add_argument("--flink_job", metavar="ID", help="Which job, where there are several.")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="Print one JSON document instead.")


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Adds --dry_run."""
    parser.add_argument(
        "--dry_run", action="store_true", help="Tell what would be changed, and change nothing."
    )


def add_wait(parser: argparse._ActionsContainer, meaning: str, default: int = 0) -> None:
    """Adds --wait_sec; `meaning` says what is waited for, up to where the default is told."""
    parser.add_argument(
        "--wait_sec",
        type=flag_types.seconds,
        default=default,
        metavar="SEC",
        help=f"{meaning} (default: %(default)s).",
    )


def add_limits(parser: Parser) -> None:
    """Adds --clock_skew_sec and --allowed_lateness_sec."""
    for name in ("clock_skew_sec", "allowed_lateness_sec"):
        parser.add_setting(
            name,
            type=flag_types.in_range_of(f"--{name}"),
            meaning="As the job runs with (default: what the table runs says).",
        )

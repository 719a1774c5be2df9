"""The flags that the tools share: where Kafka and BigQuery are, and the limits of the pipeline.

Flags of `python -m pipeline`, written again: importing options.py would load all of Beam.
tests/unit/test_reconcile_command_line.py keeps names and defaults equal.
"""

from __future__ import annotations

import argparse

from operations import flag_types


def parser(program: str, document: str | None) -> argparse.ArgumentParser:
    """Returns a parser whose help is a module's docstring: its first line, then an example."""
    title, _, rest = (document or "").partition("\n\n")
    return argparse.ArgumentParser(
        prog=program,
        description=title,
        epilog=f"example:\n\n{rest}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_bigquery(parser: argparse.ArgumentParser) -> None:
    """Adds --bigquery_dataset and --bigquery_endpoint."""
    add_dataset(parser, "--bigquery_dataset", "Dataset that holds the outcome tables.")
    add_bigquery_endpoint(parser)


def add_dataset(parser: argparse.ArgumentParser, flag: str, meaning: str) -> None:
    """Adds a required flag that names a dataset."""
    parser.add_argument(
        flag, type=flag_types.dataset, required=True, metavar="PROJECT.DATASET", help=meaning
    )


def add_bigquery_endpoint(parser: argparse.ArgumentParser) -> None:
    """Adds --bigquery_endpoint."""
    parser.add_argument(
        "--bigquery_endpoint",
        type=flag_types.host_port,
        metavar="HOST:PORT",
        help="A local BigQuery stand-in instead of Google's service.",
    )


def add_kafka(parser: argparse.ArgumentParser, unless: str = "") -> None:
    """Adds --kafka_bootstrap_servers and --kafka_config_file.

    Args:
        unless: what the brokers are needed for, where they are not always.
    """
    parser.add_argument(
        "--kafka_bootstrap_servers",
        type=flag_types.servers,
        required=not unless,
        metavar="HOST:PORT[,…]",
        help=f"Kafka brokers to ask first. {unless}".strip(),
    )
    parser.add_argument(
        "--kafka_config_file",
        metavar="FILE",
        help="Java-style properties for the Kafka client, as the pipeline takes them.",
    )


def add_topics(parser: argparse.ArgumentParser) -> None:
    """Adds --kafka_topics."""
    parser.add_argument(
        "--kafka_topics",
        type=flag_types.topics,
        required=True,
        metavar="TOPIC[,…]",
        help="Topics that the pipeline reads.",
    )


def add_flink(parser: argparse.ArgumentParser, unless: str = "") -> None:
    """Adds --flink.

    Args:
        unless: what is done without it, where it is not always needed.
    """
    parser.add_argument(
        "--flink",
        type=flag_types.host_port,
        required=not unless,
        metavar="HOST:PORT",
        help=f"REST address of Flink's JobManager{unless}.",
    )


def add_wait(parser: argparse.ArgumentParser, meaning: str, default: int = 0) -> None:
    """Adds --wait_sec; `meaning` says what is waited for, up to where the default is told."""
    parser.add_argument(
        "--wait_sec",
        type=flag_types.seconds,
        default=default,
        metavar="SEC",
        help=f"{meaning} (default: %(default)s).",
    )


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Adds --clock_skew_sec and --allowed_lateness_sec."""
    for name in ("clock_skew", "allowed_lateness"):
        parser.add_argument(
            f"--{name}_sec",
            type=flag_types.in_range_of(f"--{name}_sec"),
            metavar="SEC",
            help="As the pipeline runs with (default: what the table runs says).",
        )

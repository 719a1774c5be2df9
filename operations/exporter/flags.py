"""Serves the job's figures to Prometheus, from Kafka, the tables and Flink: they never restart.

    payments exporter --kafka_bootstrap_servers=broker:9092 --kafka_topics=payments \\
        --bigquery_dataset=my-project.payments --flink=jobmanager:8081 --listen=127.0.0.1:9250

    curl http://127.0.0.1:9250/metrics

It asks as `payments health` does, at rates of its own: a scrape asks nobody. Each source has
payments_probe_success; one that is down keeps its last figures for three looks (30 s at least),
then they go. Those of the others stay. docs/monitoring.md has the list of metrics.

Looks at the tables cost money on BigQuery. {cost}
Half as often is half of that, until tables are small: a query is billed 10 MB for each of them.
Flink and Kafka cost nothing but their answers. Figures of the tables are as old as the last look
(payments_probe_age_seconds). Tables that were made anew need an exporter that is started anew.

Exit code: 0 ended by SIGTERM, 2 a mistake in the flags, 3 it cannot listen there, 130 Ctrl-C.
"""

from __future__ import annotations

from operations import flag_types, tool_flags
from operations.exporter import query_cost
from payments.parser import Parser

LISTEN = "127.0.0.1:9250"
TABLES_EVERY_SEC = 60
AUDIT_EVERY_SEC = 60
FAST_EVERY_SEC = 15
# What the job is built for (docs/performance.md), in records a minute.
RECORDS_PER_MIN = 10_000
_PAUSES = (
    ("kafka", FAST_EVERY_SEC, "Kafka"),
    ("tables", TABLES_EVERY_SEC, "the outcome tables"),
    ("audit", AUDIT_EVERY_SEC, "the tables runs and reconciliations"),
    ("flink", FAST_EVERY_SEC, "Flink"),
)


def parser() -> Parser:
    """Returns the parser of the command line."""
    cost = query_cost.of_a_day(TABLES_EVERY_SEC, AUDIT_EVERY_SEC, RECORDS_PER_MIN)
    told = f"At {RECORDS_PER_MIN:,} records a minute\nthe defaults are {cost}."
    whole = tool_flags.parser("payments exporter", (__doc__ or "").replace("{cost}", told))
    tool_flags.add_kafka(whole)
    tool_flags.add_topics(whole)
    tool_flags.add_bigquery(whole)
    tool_flags.add_flink(whole, unless="; without it the job itself is not looked at")
    whole.add_argument("--flink_job", metavar="ID", help="Which job, where there are several.")
    whole.add_argument(
        "--listen",
        type=flag_types.host_port,
        default=LISTEN,
        metavar="HOST:PORT",
        help="Where to serve; 0.0.0.0 is every address of this machine (default: %(default)s).",
    )
    whole.add_argument(
        "--window_sec",
        type=flag_types.pause,
        default=600,
        metavar="SEC",
        help="Records that arrived within it are the recent ones (default: %(default)s).",
    )
    for name, default, what in _PAUSES:
        whole.add_argument(
            f"--{name}_every_sec",
            type=flag_types.pause,
            default=default,
            metavar="SEC",
            help=f"Pause between two looks at {what} (default: %(default)s).",
        )
    return whole

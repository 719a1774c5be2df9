"""The metrics of `payments exporter`, each with its meaning and its labels, once.

Beside them there are the job's own counters (transforms/payment/metric_names.py), which begin at 0
at every restart. These here are gauges, read from Kafka, Flink and the tables: they never do.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Source = Literal["kafka", "tables", "audit", "flink", "exporter"]
SOURCES: tuple[Source, ...] = ("kafka", "tables", "audit", "flink")

_PLACE = ("topic", "partition")


class Metric(NamedTuple):
    """One metric.

    Attributes:
        source: whose look it comes from; it goes when that source has been silent for too long.
        meaning: for people, a sentence.
    """

    source: Source
    name: str
    meaning: str
    labels: tuple[str, ...] = ()


_ALL = (
    Metric("kafka", "payments_topic_begin_offset", "First offset that Kafka holds.", _PLACE),
    Metric("kafka", "payments_topic_end_offset", "Offset up to which records can be read.", _PLACE),
    Metric(
        "kafka",
        "payments_lag_records",
        "Records in Kafka that were in no table when the tables were last asked.",
        _PLACE,
    ),
    Metric(
        "kafka",
        "payments_newest_row_age_seconds",
        "Age of the newest record in the tables when they were last asked; 0 when none waits, and "
        "not more than since a look at which none did.",
    ),
    Metric("kafka", "payments_open_transactions", "Partitions held back by an open transaction."),
    Metric(
        "kafka",
        "payments_open_transaction_age_seconds",
        "How long the oldest open transaction has held back what follows it; 0 without one.",
    ),
    Metric(
        "kafka", "payments_open_transaction_records", "Records that open transactions hold back."
    ),
    Metric(
        "tables",
        "payments_reach_offset",
        "Offset behind the last record that the tables hold.",
        _PLACE,
    ),
    Metric(
        "tables",
        "payments_newest_row_timestamp_seconds",
        "When the newest record in the tables arrived at Kafka.",
    ),
    Metric(
        "tables",
        "payments_recent_records",
        "Rows whose records arrived within the window, by outcome.",
        ("outcome",),
    ),
    Metric(
        "tables",
        "payments_recent_dead_letters",
        "Dead letters that arrived within the window, by reason.",
        ("reason",),
    ),
    Metric("tables", "payments_recent_window_seconds", "The window of the two before."),
    Metric(
        "tables",
        "payments_duplicate_ratio",
        "Share of copies among accepted payments, copies and conflicts of the window.",
    ),
    Metric(
        "tables",
        "payments_dead_letter_ratio",
        "Share of dead letters among the records of the window; 0 while these are few.",
    ),
    Metric("audit", "payments_claim_held", "1 while a run holds the tables, else 0."),
    Metric(
        "audit",
        "payments_claim_timestamp_seconds",
        "When the run started that claimed the tables last.",
    ),
    Metric(
        "audit", "payments_reconcile_balanced", "1 when the last check balanced, 0 when it did not."
    ),
    Metric("audit", "payments_reconcile_missing", "Records in no table, by the last check."),
    Metric("audit", "payments_reconcile_double", "Rows too many, by the last check."),
    Metric("audit", "payments_reconcile_unknown", "Rows of no record, by the last check."),
    Metric(
        "audit", "payments_reconcile_last_run_timestamp_seconds", "When the last check was done."
    ),
    Metric("audit", "payments_reconcile_age_seconds", "How long ago the last check was done."),
    Metric("flink", "payments_job_lives", "1 while the job has not ended, else 0."),
    Metric(
        "flink",
        "payments_claim_lost",
        "Living jobs of runs that do not hold the tables: they write no more.",
    ),
    Metric(
        "flink", "payments_checkpoint_age_seconds", "Since the newest completed one was triggered."
    ),
    Metric("flink", "payments_state_bytes", "Size of the newest completed checkpoint."),
    Metric(
        "flink", "payments_watermark_age_seconds", "How far the slowest task is behind the clock."
    ),
    Metric(
        "flink", "payments_stopped_tasks", "Share of the job's tasks that do not run: 0 is well."
    ),
    Metric("flink", "payments_restarts", "How often the job came back after a failure."),
    Metric(
        "flink",
        "payments_last_failure_age_seconds",
        "How long ago the job failed last, by the class of the error.",
        ("kind",),
    ),
    Metric(
        "exporter",
        "payments_probe_success",
        "1 when the last look at a source succeeded and is not too old, else 0.",
        ("source",),
    ),
    Metric(
        "exporter",
        "payments_probe_duration_seconds",
        "How long the last look at a source took.",
        ("source",),
    ),
    Metric(
        "exporter",
        "payments_probe_age_seconds",
        "Since the last look at a source that succeeded.",
        ("source",),
    ),
    Metric("exporter", "payments_build_info", "1, with the exporter's version.", ("version",)),
)
METRICS = {metric.name: metric for metric in _ALL}

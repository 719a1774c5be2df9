"""Estimates how much the exporter's queries read of BigQuery, from its rates."""

from __future__ import annotations

from typing import NamedTuple

_DAY_SEC = 86_400
# Topic (of ten characters), partition, offset, arrival, and the event time of a payment.
_ROW_BYTES = 42
# Whole partitions of a day are read: on average half of today's rows, and after midnight for as
# long as the allowed lateness and the window take those of yesterday.
_DAYS_READ = 0.55
# BigQuery bills at least so much for each table that a query names.
_TABLE_BYTES_MIN = 10_000_000
_OUTCOME_TABLES = 6


class Cost(NamedTuple):
    """Of one day."""

    queries: int
    read_bytes: int

    def __str__(self) -> str:
        return f"{self.queries:,} queries a day that read {self.read_bytes / 1e9:,.0f} GB"


def of_a_day(tables_every_sec: int, audit_every_sec: int, records_per_min: int) -> Cost:
    """Returns what is asked and read in a day, of tables that take in so many records."""
    rows = records_per_min * _DAY_SEC // 60
    outcomes = max(round(rows * _DAYS_READ) * _ROW_BYTES, _OUTCOME_TABLES * _TABLE_BYTES_MIN)
    looks = _DAY_SEC // tables_every_sec
    audits = _DAY_SEC // audit_every_sec
    # At the tables: the outcomes, and the reasons in dead_letters. `runs` is listed, which is free.
    return Cost(
        2 * looks + audits, looks * (outcomes + _TABLE_BYTES_MIN) + audits * _TABLE_BYTES_MIN
    )

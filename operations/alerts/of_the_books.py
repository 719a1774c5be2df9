"""Alerts of what is counted: whether it is right, complete, fresh, and of the usual kind."""

from __future__ import annotations

from operations.alerts.limits import FRESH_SHARE
from operations.alerts.rule import Alert, Recording, Shape

_HOUR, _DAY = 3_600, 86_400
_ALLOWED = f"{1 - FRESH_SHARE:.3f}"
# Share of the time in which something that waits is too old: SRE workbook, chapter 5.
_BURN_WINDOWS = {"5m": 300, "30m": 1_800, "1h": _HOUR, "6h": 6 * _HOUR, "3d": 3 * _DAY}


def _stale(window_sec: int) -> Recording:
    name = next(name for name, seconds in _BURN_WINDOWS.items() if seconds == window_sec)
    return Recording(
        f"payments:stale:ratio{name}",
        lambda shape: (
            "avg_over_time((payments_newest_row_age_seconds > bool "
            f"{shape.limit('newest_row_age_sec')})[{shape.window(window_sec)}:15s])"
        ),
    )


def _ratio(outcome: str, limit: str) -> str:
    return f'payments:recent:ratio{{outcome="{outcome}"}} > {limit}'


def _enough(shape: Shape) -> str:
    return f"and on() sum(payments_recent_records) > {shape.limit('few_records')}"


def _burns(factor: float, long: str, short: str) -> str:
    return (
        f"(payments:stale:ratio{long} > {factor:g} * {_ALLOWED} "
        f"and payments:stale:ratio{short} > {factor:g} * {_ALLOWED})"
    )


RECORDINGS = (
    Recording(
        "payments:recent:ratio",
        lambda shape: (
            "payments_recent_records / on() group_left() "
            f"(sum(payments_recent_records) > {shape.limit('few_records')})"
        ),
    ),
    *(_stale(seconds) for seconds in _BURN_WINDOWS.values()),
)
ALERTS = (
    Alert(
        "PaymentsDoNotAddUp",
        "critical",
        0,
        lambda shape: "payments_reconcile_balanced == 0",
        "The last reconciliation found records that are not counted exactly once.",
        "Correctness has no budget. payments_reconcile_missing, _double and _unknown say how many.",
    ),
    Alert(
        "PaymentsReconciliationOverdue",
        "critical",
        600,
        lambda shape: (
            "payments_reconcile_age_seconds > "
            f"{shape.limit('reconciliation_age_sec')} "
            "or (absent(payments_reconcile_age_seconds) "
            'and on() payments_probe_success{source="audit"} == 1)'
        ),
        "Nobody has proved for over a day that each record is counted once.",
        "The last check ended {{ $value | humanizeDuration }} ago, or there was none.",
    ),
    Alert(
        "PaymentsNotFresh",
        "critical",
        120,
        lambda shape: f"payments_newest_row_age_seconds > {shape.limit('newest_row_age_sec')}",
        "Records wait, and the newest that can be queried is over a minute old.",
        "The newest row is {{ $value | humanizeDuration }} old.",
    ),
    Alert(
        "PaymentsFreshnessBudgetBurns",
        "critical",
        0,
        lambda shape: f"{_burns(14.4, '1h', '5m')} or {_burns(6, '6h', '30m')}",
        "The month's budget of minutes that are not fresh is gone within days at this rate.",
        "Not fresh for {{ $value | humanizePercentage }} of the time.",
    ),
    Alert(
        "PaymentsFreshnessBudgetLeaks",
        "warning",
        0,
        lambda shape: _burns(1, "3d", "6h"),
        "The month's budget of minutes that are not fresh will not last the month.",
        "Not fresh for {{ $value | humanizePercentage }} of three days.",
    ),
    Alert(
        "PaymentsManyDuplicates",
        "warning",
        600,
        lambda shape: (
            f"payments_duplicate_ratio > {shape.limit('duplicate_ratio')} {_enough(shape)}"
        ),
        "Over 2 % of the payments are copies; they are set aside, and the books are right.",
        "{{ $value | humanizePercentage }} are copies: a producer retries too much.",
    ),
    Alert(
        "PaymentsConflicts",
        "warning",
        0,
        lambda shape: 'payments_recent_records{outcome="conflict"} > 0',
        "A transaction_id came again with other facts: a mistake, or fraud.",
        "{{ $value }} within the window of the exporter.",
        team="fraud",
    ),
    Alert(
        "PaymentsManyConflicts",
        "warning",
        0,
        lambda shape: _ratio("conflict", shape.limit("conflict_ratio")),
        "Many payments contradict the first of their id.",
        "{{ $value | humanizePercentage }} of the records: this is no single mistake.",
        team="fraud",
    ),
    Alert(
        "PaymentsManyDeadLetters",
        "warning",
        300,
        lambda shape: f"payments_dead_letter_ratio > {shape.limit('dead_letter_ratio')}",
        "Over 1 % of the records are rejected.",
        "{{ $value | humanizePercentage }} are; payments_recent_dead_letters says why.",
    ),
    Alert(
        "PaymentsMostAreDeadLetters",
        "critical",
        120,
        lambda shape: f"payments_dead_letter_ratio > {shape.limit('dead_letter_ratio_critical')}",
        "A quarter of the records is rejected; at half of a minute the job stops by itself.",
        "{{ $value | humanizePercentage }} are dead letters: a producer or a contract has changed.",
    ),
    Alert(
        "PaymentsRefusedByBigQuery",
        "critical",
        0,
        lambda shape: 'payments_recent_dead_letters{reason="refused_by_bigquery"} > 0',
        "BigQuery refuses rows that the pipeline found right: a bug of ours, or a changed table.",
        "{{ $value }} rows within the window of the exporter.",
    ),
    Alert(
        "PaymentsManyLate",
        "warning",
        900,
        lambda shape: _ratio("late", shape.limit("late_ratio")),
        "Over 1 % of the payments arrive after the allowed lateness.",
        "{{ $value | humanizePercentage }} are late: terminals that were offline, or a clock.",
    ),
)

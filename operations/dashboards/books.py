"""Panels of what is counted: whether the books are right, complete and fresh, and of what kind."""

from __future__ import annotations

from operations.alerts.limits import FRESH_SHARE, LIMITS, SLO_DAYS
from operations.dashboards.panel import Panel, Query, Row

_FRESH_SEC = LIMITS["newest_row_age_sec"]
_STALE = f"avg_over_time((payments_newest_row_age_seconds > bool {_FRESH_SEC:g})[{SLO_DAYS}d:5m])"
_RATES = "payments_recent_records / on() group_left() payments_recent_window_seconds"

RIGHT = Row(
    "Are the books right, and fresh?",
    (
        Panel(
            "Last reconciliation",
            "1: each record was counted once. 0 is never normal: correctness has no budget.",
            "stat",
            "bool",
            (Query("payments_reconcile_balanced", "balanced"),),
            ((0, "red"), (1, "green")),
            "PaymentsDoNotAddUp",
        ),
        Panel(
            "Age of the last reconciliation",
            "It runs daily: below a day and two hours.",
            "stat",
            "s",
            (Query("payments_reconcile_age_seconds", "age"),),
            ((LIMITS["reconciliation_age_sec"], "red"),),
            "PaymentsReconciliationOverdue",
        ),
        Panel(
            "Arrived and counted, of the window",
            "Both alike, as traffic is. Offsets count markers of transactions as well, and the "
            "tables follow by a checkpoint: the proof is the reconciliation, not this.",
            "time",
            "short",
            (
                Query("sum(payments_recent_records)", "counted, all outcomes"),
                Query("sum(increase(payments_topic_end_offset[10m]))", "offsets, 10 min"),
            ),
        ),
        Panel(
            "Age of the newest row",
            f"0 while nothing waits, else a few seconds; above {_FRESH_SEC:g} s it is an outage.",
            "time",
            "s",
            (Query("payments_newest_row_age_seconds", "newest row"),),
            ((_FRESH_SEC, "red"),),
            "PaymentsNotFresh",
        ),
        Panel(
            f"Fresh minutes of {SLO_DAYS} days",
            f"{FRESH_SHARE:.1%} or more. At that, the budget of the month is used up.",
            "stat",
            "percentunit",
            (
                Query(f"1 - {_STALE}", "fresh"),
                Query(f"1 - {_STALE} / {1 - FRESH_SHARE:.3f}", "budget that is left"),
            ),
            ((0, "red"), (FRESH_SHARE, "green")),
            "PaymentsFreshnessBudgetBurns",
        ),
        Panel(
            "Firing alerts",
            "PaymentsWatchdog alone: it always fires, so that its silence is noticed.",
            "time",
            "short",
            (
                Query(
                    'sum by (alertname, severity) (ALERTS{alertname=~"Payments.*",'
                    'alertstate="firing"})',
                    "{{alertname}} ({{severity}})",
                ),
            ),
            alert="PaymentsWatchdog",
        ),
    ),
)
KINDS = Row(
    "What becomes of the records?",
    (
        Panel(
            "Outcomes per second",
            "Nearly all accepted; the sum is the rate of arrival.",
            "time",
            "reqps",
            (Query(_RATES, "{{outcome}}"),),
            stacked=True,
            whole=True,
        ),
        Panel(
            "Share of copies",
            "0.5 to 1.5 %. Copies are set aside: the books are right at any share.",
            "time",
            "percentunit",
            (Query("payments_duplicate_ratio", "copies"),),
            ((LIMITS["duplicate_ratio"], "yellow"),),
            "PaymentsManyDuplicates",
        ),
        Panel(
            "Conflicts of the window",
            "None. Each is a mistake or fraud, and a person looks at it.",
            "time",
            "short",
            (Query('payments_recent_records{outcome="conflict"}', "conflicts"),),
            ((1, "yellow"),),
            "PaymentsConflicts",
        ),
        Panel(
            "Dead letters of the window, by reason",
            "A few. Rows that BigQuery refused are a bug of ours at any number.",
            "time",
            "short",
            (Query("payments_recent_dead_letters", "{{reason}}"),),
            alert="PaymentsManyDeadLetters",
            stacked=True,
        ),
        Panel(
            "Share of late payments",
            "Below 1 %: terminals that were offline.",
            "time",
            "percentunit",
            (
                Query(
                    'payments_recent_records{outcome="late"} / on() group_left() '
                    "clamp_min(sum(payments_recent_records), 1)",
                    "late",
                ),
            ),
            ((LIMITS["late_ratio"], "yellow"),),
            "PaymentsManyLate",
        ),
        Panel(
            "Fraud indicators raised per second",
            "As steady as traffic. Questions for an analyst, never verdicts.",
            "time",
            "reqps",
            (
                Query(
                    "sum(rate(flink_taskmanager_job_task_operator_payments_"
                    "fraud_indicators_raised[5m]))",
                    "raised",
                ),
            ),
        ),
    ),
)

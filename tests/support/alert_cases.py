"""For each alert: figures one step below it, at which it fires, and at which it is over."""

from __future__ import annotations

from typing import Any, NamedTuple

from operations.alerts.catalogue import ALERTS

STEPS = 60  # of each phase
Value = float | str
Phases = tuple[Value, Value, Value]


class Case(NamedTuple):
    """Series by name, each with its values below, above and after; minutes between two of them."""

    series: dict[str, Phases]
    step_min: int = 1


def grows(by: float, start: float = 0) -> str:
    return f"{start:.12g}+{by:.12g}x{STEPS - 1}"


def behind(*ages_sec: float) -> Phases:
    """Returns a moment in milliseconds that follows the clock, so many seconds behind it."""
    below, above, after = (
        grows(60_000, (phase * STEPS * 60 - age_sec) * 1_000)
        for phase, age_sec in enumerate(ages_sec)
    )
    return below, above, after


def changes(times: int, start: int = 0) -> str:
    """Returns values of which the last ten minutes hold so many changes, and then none."""
    quiet = STEPS - times - 1
    steps = " ".join(str(start + number) for number in range(1, times + 1))
    return f"{start}+0x{quiet} {steps}"


def outcomes(name: str, below: float, above: float) -> dict[str, Phases]:
    """Returns a thousand records of which some have the outcome."""
    return {
        f'payments_recent_records{{outcome="{name}"}}': (below, above, 0),
        'payments_recent_records{outcome="accepted"}': (1_000 - below, 1_000 - above, 1_000),
    }


MANY = {'payments_recent_records{outcome="accepted"}': (1_000.0, 1_000.0, 1_000.0)}
NO_WATERMARK: Phases = (-(2.0**63),) * 3
WATERMARK_AT_END: Phases = (2.0**63,) * 3
PLACE = '{topic="payments",partition="0"}'
WELL = {
    'up{job="payments-exporter"}': (1, 1, 1),
    'payments_probe_success{source="kafka"}': (1, 1, 1),
    'up{job="payments-metrics",instance="a"}': (1, 1, 1),
}

CASES: dict[str, Case] = {
    "PaymentsDoNotAddUp": Case({"payments_reconcile_balanced": (1, 0, 1)}),
    "PaymentsReconciliationOverdue": Case(
        {"payments_reconcile_age_seconds": (26 * 3_600, 26 * 3_600 + 1, 60)}
    ),
    "PaymentsNotFresh": Case({"payments_newest_row_age_seconds": (60, 61, 0)}),
    # Of five minutes 1.44 % may be stale, so that one look in a hundred is not yet an alert.
    "PaymentsFreshnessBudgetBurns": Case({"payments_newest_row_age_seconds": (60, 61, 0)}, 6),
    "PaymentsFreshnessBudgetLeaks": Case({"payments_newest_row_age_seconds": (60, 61, 0)}, 180),
    "PaymentsManyDuplicates": Case({"payments_duplicate_ratio": (0.02, 0.021, 0.01), **MANY}),
    "PaymentsConflicts": Case({'payments_recent_records{outcome="conflict"}': (0, 1, 0)}),
    "PaymentsManyConflicts": Case(outcomes("conflict", 5, 6)),
    "PaymentsManyDeadLetters": Case({"payments_dead_letter_ratio": (0.01, 0.011, 0)}),
    "PaymentsMostAreDeadLetters": Case({"payments_dead_letter_ratio": (0.25, 0.26, 0)}),
    "PaymentsRefusedByBigQuery": Case(
        {'payments_recent_dead_letters{reason="refused_by_bigquery"}': (0, 1, 0)}
    ),
    "PaymentsManyLate": Case(outcomes("late", 10, 11)),
    "PaymentsUnobserved": Case({**WELL, 'payments_probe_success{source="kafka"}': (1, 0, 1)}),
    "PaymentsJobNotRunning": Case({"payments_stopped_tasks": (0, 0.01, 0)}),
    "PaymentsClaimLost": Case({"payments_claim_lost": (0, 1, 0)}),
    "PaymentsCheckpointOld": Case({"payments_checkpoint_age_seconds": (60, 61, 5)}),
    "PaymentsCheckpointsFail": Case(
        {"flink_jobmanager_job_numberOfFailedCheckpoints": (changes(2), changes(3, 2), 5)}
    ),
    "PaymentsRestarts": Case({"payments_restarts": (changes(2), changes(3, 2), 5)}),
    "PaymentsRestarted": Case({"payments_restarts": (0, changes(1), 1)}),
    "PaymentsStateLarge": Case({"payments_state_bytes": (500e6, 501e6, 1e6)}),
    "PaymentsStateTooLarge": Case({"payments_state_bytes": (1_000e6, 1_001e6, 1e6)}),
    "PaymentsStateGrows": Case(
        {
            "payments_state_bytes": (grows(3.3e6), grows(7e6, 200e6), 620e6),
            "flink_jobmanager_job_runningTime": (20e6, 20e6, 20e6),
        },
        5,
    ),
    "PaymentsLagGrows": Case({f"payments_lag_records{PLACE}": (20_000, grows(10, 20_000), 20_000)}),
    "PaymentsLagLarge": Case({f"payments_lag_records{PLACE}": (600_000, 600_001, 0)}),
    "PaymentsPartitionStuck": Case(
        {
            f"payments_lag_records{PLACE}": (5, 5, 0),
            f"payments_reach_offset{PLACE}": (grows(1), 60, 65),
        }
    ),
    "PaymentsRetentionNear": Case(
        {
            f"payments_topic_begin_offset{PLACE}": (1_000, 1_000, 1_000),
            f"payments_topic_end_offset{PLACE}": (101_000, 101_000, 101_000),
            f"payments_reach_offset{PLACE}": (26_000, 25_999, 101_000),
            f"payments_lag_records{PLACE}": (75_000, 75_001, 0),
        }
    ),
    "PaymentsOpenTransaction": Case({"payments_open_transaction_age_seconds": (60, 61, 0)}),
    "PaymentsWatermarkOld": Case(
        {
            "flink_taskmanager_job_task_currentInputWatermark": behind(60, 61, 2),
            'flink_taskmanager_job_task_currentInputWatermark{task_name="a"}': NO_WATERMARK,
            'flink_taskmanager_job_task_currentInputWatermark{task_name="b"}': WATERMARK_AT_END,
        }
    ),
    "PaymentsBackpressured": Case(
        {'flink_taskmanager_job_task_backPressuredTimeMsPerSecond{task_name="a"}': (500, 501, 0)}
    ),
    "PaymentsNoRecords": Case({f"payments_topic_end_offset{PLACE}": (grows(1), 60, grows(1, 60))}),
}
# The other half of expressions with `or`.
MORE_CASES = (
    ("PaymentsReconciliationOverdue", Case({'payments_probe_success{source="audit"}': (0, 1, 0)})),
    ("PaymentsUnobserved", Case({**WELL, 'up{job="payments-exporter"}': (1, 0, 1)})),
    ("PaymentsUnobserved", Case({**WELL, 'up{job="payments-metrics",instance="a"}': (1, 0, 1)})),
    (
        "PaymentsClaimLost",
        Case({'payments_last_failure_age_seconds{kind="a.ClaimLost"}': (901, 1, 901)}),
    ),
    ("PaymentsCheckpointOld", Case({"payments_job_lives": (0, 1, 0)})),
)


def for_promtool(name: str, case: Case) -> dict[str, Any]:
    """Returns a test of promtool: silent, silent until its time is up, firing, over."""
    step_sec = case.step_min * 60
    phase_sec = STEPS * step_sec
    asked = [
        (phase_sec - step_sec, 0),
        (2 * phase_sec - step_sec, 1),
        (3 * phase_sec - step_sec, 0),
    ]
    if ALERTS[name].lasts_sec > step_sec:
        asked.append((phase_sec + ALERTS[name].lasts_sec - step_sec, 0))
    firing = f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)'
    return {
        "interval": f"{case.step_min}m",
        "name": name,
        "input_series": [
            {"series": series, "values": " ".join(map(_values, phases))}
            for series, phases in case.series.items()
        ],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": f"{at}s",
                "exp_samples": [{"labels": "{}", "value": value}],
            }
            for at, value in sorted(asked)
        ],
    }


def _values(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.10g}+0x{STEPS - 1}"

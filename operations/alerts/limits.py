"""Limits of alerts: those of `payments health`, and what alerts alone know."""

from __future__ import annotations

from collections.abc import Mapping

from operations.health import limits as health

# Nothing that waits may be older than the limit of health, in this share of the time.
FRESH_SHARE = 0.999
SLO_DAYS = 30

_OWN: Mapping[str, float] = {
    "duplicate_ratio": 0.02,  # a healthy producer retries 0.5 to 1.5 % of its payments
    "late_ratio": 0.01,
    "conflict_ratio": 0.005,
    "dead_letter_ratio_critical": 0.25,  # the job stops by itself at half of a minute's records
    "few_records": 100,  # of fewer a share says nothing
    "reconciliation_age_sec": 26 * 3_600,  # it runs daily, and may take two hours
    "restarts": 3,
    "failed_checkpoints": 3,
    "state_bytes_critical": 1_000_000_000,
    "lag_records_warning": 10_000,  # a minute of what the pipeline is built for
    "kept_share": 0.25,
    "back_pressured_ms": 500,  # of each second
}
LIMITS: Mapping[str, float] = {
    **{name: default for name, (default, _) in health.LIMITS.items()},
    **_OWN,
}

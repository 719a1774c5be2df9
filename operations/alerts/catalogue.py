"""All alerts and recording rules."""

from __future__ import annotations

from operations.alerts import of_the_books, of_the_job

RECORDINGS = (*of_the_books.RECORDINGS, *of_the_job.RECORDINGS)
ALERTS = {alert.name: alert for alert in (*of_the_books.ALERTS, *of_the_job.ALERTS)}
WATCHDOG = "PaymentsWatchdog"

# What Flink's reporter serves of what rules ask for. The exporter's metrics are in
# operations/exporter/metric_names.py, the job's counters in transforms/payment/metric_names.py.
FLINK_METRICS = frozenset(
    {
        "flink_jobmanager_job_numberOfFailedCheckpoints",
        "flink_jobmanager_job_runningTime",
        "flink_taskmanager_job_task_backPressuredTimeMsPerSecond",
        "flink_taskmanager_job_task_currentInputWatermark",
    }
)
FLINK_COUNTER_PREFIX = "flink_taskmanager_job_task_operator_payments_"

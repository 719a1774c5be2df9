"""Alerts of what counts: the job, its state, its input, and whether anybody can see it."""

from __future__ import annotations

from operations.alerts.rule import Alert, Recording, Shape

_MIN, _HOUR = 60, 3_600


def _starting(shape: Shape) -> str:
    return "payments_job_lives == 1 unless on() payments_checkpoint_age_seconds"


RECORDINGS = (
    Recording("payments:lag:records", lambda shape: "sum(payments_lag_records)"),
    Recording(
        "payments:arrival:rate5m",
        lambda shape: f"sum(rate(payments_topic_end_offset[{shape.window(5 * _MIN)}]))",
    ),
    Recording(
        "payments:read:rate5m",
        lambda shape: (
            "sum(rate(flink_taskmanager_job_task_operator_payments_records_read"
            f"[{shape.window(5 * _MIN)}]))"
        ),
    ),
)
ALERTS = (
    Alert(
        "PaymentsUnobserved",
        "critical",
        3 * _MIN,
        lambda shape: (
            'up{job="payments-exporter"} == 0 or absent(up{job="payments-exporter"}) '
            'or payments_probe_success == 0 or (sum(up{job="payments-metrics"}) == 0)'
        ),
        "A source of the figures does not answer: to see nothing is not to be well.",
        "{{ $labels.source }} {{ $labels.job }} does not answer.",
    ),
    Alert(
        "PaymentsJobNotRunning",
        "critical",
        2 * _MIN,
        lambda shape: "payments_stopped_tasks > 0",
        "The job has ended, or tasks of it do not run: nobody is counting.",
        "{{ $value | humanizePercentage }} of the tasks do not run.",
    ),
    Alert(
        "PaymentsClaimLost",
        "critical",
        0,
        lambda shape: (
            f"max_over_time(payments_claim_lost[{shape.window(5 * _MIN)}]) > 0 "
            'or payments_last_failure_age_seconds{kind=~".*ClaimLost"} '
            f"< {shape.age(15 * _MIN)}"
        ),
        "A job lost its tables to another run; it writes no more.",
        "Two runs were started on the same tables, or the audit table was changed.",
    ),
    Alert(
        "PaymentsCheckpointOld",
        "critical",
        2 * _MIN,
        lambda shape: (
            f"payments_checkpoint_age_seconds > {shape.limit('checkpoint_age_sec')} "
            f"or ({_starting(shape)})"
        ),
        "No checkpoint completes, and rows appear at checkpoints alone: this is an outage.",
        "The newest is {{ $value | humanizeDuration }} old, or there is none yet.",
    ),
    Alert(
        "PaymentsCheckpointsFail",
        "warning",
        0,
        lambda shape: (
            "max(changes(flink_jobmanager_job_numberOfFailedCheckpoints"
            f"[{shape.window(10 * _MIN)}])) >= {shape.limit('failed_checkpoints')}"
        ),
        "Checkpoints fail again and again.",
        "{{ $value }} failed within ten minutes: storage, time limit, or back pressure.",
    ),
    Alert(
        "PaymentsRestarts",
        "critical",
        0,
        lambda shape: (
            f"max(changes(payments_restarts[{shape.window(15 * _MIN)}])) "
            f">= {shape.limit('restarts')}"
        ),
        "The job fails, comes back, and fails again.",
        "{{ $value }} restarts within a quarter of an hour; payments_last_failure says of what.",
    ),
    Alert(
        "PaymentsRestarted",
        "info",
        0,
        lambda shape: f"max(changes(payments_restarts[{shape.window(15 * _MIN)}])) >= 1",
        "The job has failed and come back.",
        "Counts stay exact; somebody should know why.",
    ),
    Alert(
        "PaymentsStateLarge",
        "warning",
        10 * _MIN,
        lambda shape: f"payments_state_bytes > {shape.limit('state_bytes')}",
        "The state is larger than an hour of the usual traffic needs.",
        "{{ $value | humanize1024 }}B: traffic, or ids that are not forgotten.",
    ),
    Alert(
        "PaymentsStateTooLarge",
        "critical",
        5 * _MIN,
        lambda shape: f"payments_state_bytes > {shape.limit('state_bytes_critical')}",
        "The state grows beyond what checkpoints were measured with.",
        "{{ $value | humanize1024 }}B.",
    ),
    Alert(
        "PaymentsStateGrows",
        "warning",
        30 * _MIN,
        lambda shape: (
            f"predict_linear(payments_state_bytes[{shape.window(3 * _HOUR)}], "
            f"{12 * _HOUR}) > {shape.limit('state_bytes_critical')} and on() "
            f"max(flink_jobmanager_job_runningTime) > {3 * _HOUR * 1_000}"
        ),
        "At this rate the state is too large within half a day.",
        "{{ $value | humanize1024 }}B in twelve hours.",
    ),
    Alert(
        "PaymentsLagGrows",
        "warning",
        10 * _MIN,
        lambda shape: (
            f"payments:lag:records > {shape.limit('lag_records_warning')} "
            f"and deriv(payments:lag:records[{shape.window(15 * _MIN)}]) > 0"
        ),
        "More comes in than is counted.",
        "{{ $value }} records are in no table yet, and they become more.",
    ),
    Alert(
        "PaymentsLagLarge",
        "critical",
        5 * _MIN,
        lambda shape: f"payments:lag:records > {shape.limit('lag_records')}",
        "An hour's records wait.",
        "{{ $value }} records are in no table yet.",
    ),
    Alert(
        "PaymentsPartitionStuck",
        "warning",
        _MIN,
        lambda shape: (
            f"min_over_time(payments_lag_records[{shape.window(5 * _MIN)}]) > 0 "
            f"unless changes(payments_reach_offset[{shape.window(5 * _MIN)}]) > 0"
        ),
        "Records of a partition wait, and none of them is counted.",
        "{{ $labels.topic }}/{{ $labels.partition }} stands; {{ $value }} records wait at least.",
    ),
    Alert(
        "PaymentsRetentionNear",
        "critical",
        5 * _MIN,
        lambda shape: (
            "(payments_reach_offset - payments_topic_begin_offset) < "
            f"{shape.limit('kept_share')} * "
            "(payments_topic_end_offset - payments_topic_begin_offset) "
            f"and payments_lag_records > {shape.limit('lag_records_warning')} "
            "and payments_topic_begin_offset > 0"
        ),
        "Kafka is about to delete records that nobody has counted: make retention longer first.",
        "{{ $labels.topic }}/{{ $labels.partition }}: {{ $value }} offsets are left.",
    ),
    Alert(
        "PaymentsOpenTransaction",
        "warning",
        2 * _MIN,
        lambda shape: (
            f"payments_open_transaction_age_seconds > {shape.limit('open_transaction_sec')}"
        ),
        "A producer's open transaction holds back all that follows it.",
        "Since {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "PaymentsWatermarkOld",
        "warning",
        5 * _MIN,
        # Of the tasks' own reporter: Flink's REST may tell an old one for good (health/flink_side).
        # A task without a watermark has the smallest number there is, one at its end the largest.
        lambda shape: (
            "time() - min by (job_id) (flink_taskmanager_job_task_currentInputWatermark > 0 < 9e18)"
            f" / 1000 > {shape.limit('watermark_age_sec')}"
        ),
        "The watermark stands: minutes are not closed, and ids are not forgotten.",
        "The slowest task is {{ $value | humanizeDuration }} behind the clock.",
    ),
    Alert(
        "PaymentsBackpressured",
        "warning",
        10 * _MIN,
        lambda shape: (
            "max by (task_name) (avg_over_time("
            "flink_taskmanager_job_task_backPressuredTimeMsPerSecond"
            f"[{shape.window(5 * _MIN)}])) > {shape.limit('back_pressured_ms')}"
        ),
        "A task waits for the one behind it for most of the time.",
        "{{ $labels.task_name }}: {{ $value }} ms of each second.",
    ),
    Alert(
        "PaymentsNoRecords",
        "warning",
        5 * _MIN,
        lambda shape: f"sum(changes(payments_topic_end_offset[{shape.window(15 * _MIN)}])) == 0",
        "No record has arrived: a quiet night, or a gateway that is dead.",
        "No partition of the topics has grown.",
    ),
    Alert(
        "PaymentsWatchdog",
        "info",
        0,
        lambda shape: "vector(1)",
        "Always firing: whoever no longer hears it knows that alerts do not arrive.",
        "Route it to a dead man's switch.",
        team="watchdog",
    ),
)

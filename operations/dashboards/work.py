"""Panels of what counts: its input, its state, its checkpoints, its machines."""

from __future__ import annotations

from operations.alerts.limits import LIMITS
from operations.dashboards.panel import Colour, Panel, Query, Row

_COUNTED = "flink_taskmanager_job_task_operator_payments_"
_TASK = "flink_taskmanager_job_task_"
_MEMORY = "flink_taskmanager_Status_"
_STATE: tuple[tuple[float, Colour], ...] = (
    (LIMITS["state_bytes"], "yellow"),
    (LIMITS["state_bytes_critical"], "red"),
)


def _of_task(name: str, told: str) -> Query:
    return Query(
        f"max by (task_name) ({_TASK}{name}TimeMsPerSecond) >= 0", f"{told} {{{{task_name}}}}"
    )


WORK = Row(
    "Does the job keep up?",
    (
        Panel(
            "Records that wait, by partition",
            "A checkpoint's worth, alike in all partitions. One that stands alone is stuck.",
            "time",
            "short",
            (Query("payments_lag_records", "{{topic}}[{{partition}}]"),),
            ((LIMITS["lag_records_warning"], "yellow"), (LIMITS["lag_records"], "red")),
            "PaymentsLagGrows",
        ),
        Panel(
            "Arrival and reading",
            "Alike. Counters begin at 0 at every restart, and move at the end of bundles.",
            "time",
            "reqps",
            (
                Query("payments:arrival:rate5m", "arrive"),
                Query("payments:read:rate5m", "are read"),
            ),
            alert="PaymentsNoRecords",
        ),
        Panel(
            "Time to catch up",
            "Near 0. Records that wait, by what is read beyond what arrives.",
            "stat",
            "s",
            (
                Query(
                    "payments:lag:records / clamp_min("
                    "payments:read:rate5m - payments:arrival:rate5m, 1)",
                    "at this rate",
                ),
            ),
            ((3_600, "red"),),
            "PaymentsLagLarge",
        ),
        Panel(
            "Checkpoints: age and duration",
            "Rows appear at checkpoints: some seconds old, and done within a second or two.",
            "time",
            "s",
            (
                Query("payments_checkpoint_age_seconds", "age of the newest"),
                Query("max(flink_jobmanager_job_lastCheckpointDuration) / 1000", "duration"),
            ),
            ((LIMITS["checkpoint_age_sec"], "red"),),
            "PaymentsCheckpointOld",
        ),
        Panel(
            "State",
            "Flat at constant traffic: an id is forgotten when its hour is over.",
            "time",
            "bytes",
            (
                Query("payments_state_bytes", "newest checkpoint"),
                Query("max(flink_jobmanager_job_lastCheckpointFullSize)", "as Flink says"),
            ),
            _STATE,
            "PaymentsStateLarge",
        ),
        Panel(
            "Ids remembered since the last restart",
            "Rises for as long as the horizon, then stays. Counters begin at 0 at a restart.",
            "time",
            "short",
            (
                Query(
                    f"sum({_COUNTED}transactions_accepted) "
                    f"- (sum({_COUNTED}ids_forgotten) or vector(0))",
                    "accepted, not forgotten",
                ),
            ),
            alert="PaymentsStateGrows",
        ),
        Panel(
            "Age of the watermark",
            "Seconds. When it stands, minutes are not closed and ids are not forgotten.",
            "time",
            "s",
            (
                Query("payments_watermark_age_seconds", "slowest task"),
                Query(
                    f"time() - min by (task_name) ({_TASK}currentInputWatermark > 0 < 9e18) / 1000",
                    "{{task_name}}",
                ),
            ),
            ((LIMITS["watermark_age_sec"], "yellow"),),
            "PaymentsWatermarkOld",
        ),
        Panel(
            "Busy, held up and idle, by task",
            "Mostly idle. The first busy task behind those that are held up is the slow one.",
            "time",
            "ms",
            (
                _of_task("busy", "busy"),
                _of_task("backPressured", "held up"),
                _of_task("idle", "idle"),
            ),
            ((LIMITS["back_pressured_ms"], "yellow"),),
            "PaymentsBackpressured",
            whole=True,
        ),
        Panel(
            "Restarts and failed checkpoints",
            "None. Counts stay exact over a restart; somebody should know why.",
            "time",
            "short",
            (
                Query("changes(payments_restarts[5m])", "restarts, 5 min"),
                Query(
                    "max(changes(flink_jobmanager_job_numberOfFailedCheckpoints[5m]))",
                    "failed checkpoints, 5 min",
                ),
            ),
            ((1, "yellow"), (LIMITS["restarts"], "red")),
            "PaymentsRestarts",
        ),
        Panel(
            "Memory",
            "Heap as a saw, managed memory and RocksDB flat. Python's processes are seen by "
            "Kubernetes alone.",
            "time",
            "bytes",
            (
                Query(f"{_MEMORY}JVM_Memory_Heap_Used", "heap {{tm_id}}"),
                Query(f"{_MEMORY}Flink_Memory_Managed_Used", "managed {{tm_id}}"),
                Query(
                    'container_memory_working_set_bytes{container=~".*python.*|.*worker.*"}',
                    "{{pod}} {{container}}",
                    needs="Kubernetes",
                ),
            ),
        ),
    ),
)

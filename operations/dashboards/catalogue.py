"""All panels, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from operations.alerts import catalogue as alerts
from operations.dashboards import books, work
from operations.dashboards.panel import Panel

ROWS = (books.RIGHT, books.KINDS, work.WORK)
# What Flink's reporter serves of what panels ask for, beside what rules do.
FLINK_METRICS = alerts.FLINK_METRICS | {
    "flink_jobmanager_job_lastCheckpointDuration",
    "flink_jobmanager_job_lastCheckpointFullSize",
    "flink_taskmanager_job_task_busyTimeMsPerSecond",
    "flink_taskmanager_job_task_idleTimeMsPerSecond",
    "flink_taskmanager_job_task_currentInputWatermark",
    "flink_taskmanager_Status_JVM_Memory_Heap_Used",
    "flink_taskmanager_Status_Flink_Memory_Managed_Used",
}
# Of Prometheus itself, and of Kubernetes.
OTHER_METRICS = frozenset({"ALERTS", "up", "container_memory_working_set_bytes"})


def panels() -> Iterator[Panel]:
    """Yields every panel."""
    for row in ROWS:
        yield from row.panels


def documents() -> list[dict[str, Any]]:
    """Returns every panel with its row and queries as plain values, for who draws them."""
    return [{"row": row.title, **panel.document()} for row in ROWS for panel in row.panels]

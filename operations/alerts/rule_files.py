"""Writes rules and routes: for Prometheus, for its operator on Kubernetes, for Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from operations import generated_files
from operations.alerts import routes
from operations.alerts.catalogue import ALERTS, RECORDINGS
from operations.alerts.rule import Alert, Shape

REPOSITORY = Path(__file__).resolve().parents[2]
# Where the pages are, seen from the root of this repository.
RUNBOOK = "docs/runbook"
_HEAD = "# Written by `payments alerts generate` from operations/alerts; change it there.\n"
_EVALUATED_SEC = 15


def groups(shape: Shape, runbook: str = RUNBOOK, evaluated_sec: int = _EVALUATED_SEC) -> Any:
    """Returns the groups of a rule file."""
    recorded = [{"record": rule.name, "expr": rule.expression(shape)} for rule in RECORDINGS]
    alerts = [_alert(alert, shape, runbook) for alert in ALERTS.values()]
    interval = f"{evaluated_sec}s"
    return {
        "groups": [
            {"name": "payments.recorded", "interval": interval, "rules": recorded},
            {"name": "payments.alerts", "interval": interval, "rules": alerts},
        ]
    }


def generate(folder: Path = REPOSITORY) -> list[Path]:
    """Writes what is generated; returns the files that changed."""
    return generated_files.write(generated(folder))


def generated(folder: Path = REPOSITORY) -> Mapping[Path, str]:
    """Returns the text of every generated file."""
    rules = groups(Shape())
    custom = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "payments"},
        "spec": rules,
    }
    return {
        folder / "deploy/monitoring/prometheus-rules.yaml": text(rules),
        folder / "deploy/monitoring/alertmanager.yaml": text(routes.config()),
        folder / "deploy/k8s/base/alerts.yaml": text(custom),
    }


def text(document: Any) -> str:
    """Returns a generated file."""
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=10_000, allow_unicode=True)


def _alert(alert: Alert, shape: Shape, runbook: str) -> dict[str, Any]:
    labels: dict[str, str] = {"severity": alert.severity}
    if alert.team:
        labels["team"] = alert.team
    found: dict[str, Any] = {"alert": alert.name, "expr": alert.expression(shape)}
    if alert.lasts_sec:
        found["for"] = shape.lasts(alert.lasts_sec)
    return {
        **found,
        "labels": labels,
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{runbook}/{alert.name}.md",
        },
    }

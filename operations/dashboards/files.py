"""Writes the dashboard: for Grafana, and for Grafana beside Prometheus' operator on Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from operations import generated_files
from operations.alerts.rule_files import REPOSITORY, RUNBOOK

_HEAD = "# Written by `payments dashboards generate` from operations/dashboards; change it there.\n"
_NAME = "payments.json"


def generated(folder: Path = REPOSITORY) -> Mapping[Path, str]:
    """Returns the text of every generated file."""
    from operations.dashboards import grafana  # the SDK is a tool of the checkout

    dashboard = grafana.text(RUNBOOK)
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "payments-dashboard", "labels": {"grafana_dashboard": "1"}},
        "data": {_NAME: dashboard},
    }
    return {
        folder / "deploy/monitoring/dashboard.json": dashboard,
        folder / "deploy/k8s/base/dashboard.yaml": _HEAD
        + yaml.dump(config_map, Dumper=_Literal, sort_keys=False, width=10_000),
    }


def generate(folder: Path = REPOSITORY) -> list[Path]:
    """Writes what is generated; returns the files that changed."""
    return generated_files.write(generated(folder))


class _Literal(yaml.SafeDumper):
    """Writes text of many lines as it stands, so that a change of a panel is a line of a diff."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Literal.add_representer(str, _text)

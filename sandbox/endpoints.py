"""The addresses of a running sandbox: the file endpoints.json, for the demo, tests and people."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, cast

from sandbox.component import Plan
from sandbox.errors import SandboxError
from sandbox.layout import Layout

DEFAULT_DIR = ".sandbox"


class Endpoints(TypedDict):
    """The content of endpoints.json. Addresses are `host:port`."""

    kafka: str
    kafka_sasl_ssl: str  # the same broker as one outside is reached: TLS and a login
    kafka_config_file: str  # the client settings for it; only its owner can read the password
    bigquery: str
    flink_rest: str
    job_service: str
    expansion_service: str
    python_workers: str
    prometheus: str  # empty unless the sandbox is monitored (`up --monitoring`), as the next two
    alertmanager: str
    exporter: str
    project: str
    topic: str
    bigquery_ca: str  # a PEM file: whoever speaks gRPC to the stand-in trusts this
    checkpoints: str  # a folder, for resuming from a checkpoint
    faults: str  # a file, see sandbox/bigquery/faults.py
    pids: dict[str, int]  # as of the last command; Sandbox.pids() asks the supervisor
    logs: str
    dir: str


def of(plan: Plan, pids: Mapping[str, int], topic: str) -> Endpoints:
    """Returns the endpoints of a sandbox that runs by this plan."""
    return Endpoints(
        kafka=plan.address("kafka"),
        kafka_sasl_ssl=plan.address("kafka-sasl-ssl"),
        kafka_config_file=str(plan.layout.kafka_config),
        bigquery=plan.address("bigquery"),
        flink_rest=plan.address("flink-rest"),
        job_service=plan.address("job-server"),
        expansion_service=plan.address("expansion"),
        python_workers=plan.address("python-workers"),
        prometheus=plan.address("prometheus") if "prometheus" in pids else "",
        alertmanager=plan.address("alertmanager") if "alertmanager" in pids else "",
        exporter=plan.address("exporter") if "exporter" in pids else "",
        project=plan.project,
        topic=topic,
        bigquery_ca=str(plan.layout.authority),
        checkpoints=str(plan.layout.flink / "checkpoints"),
        faults=str(plan.layout.faults),
        pids=dict(pids),
        logs=str(plan.layout.logs),
        dir=str(plan.layout.root),
    )


def save(endpoints: Endpoints) -> None:
    """Replaces the file in one step: a reader never sees half of it."""
    path = Layout.of(endpoints["dir"]).endpoints
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(endpoints, indent=2) + "\n")
    unfinished.replace(path)


def load(directory: Path | str = DEFAULT_DIR) -> Endpoints:
    """Returns the endpoints of the sandbox in `directory`. Raises SandboxError if it is down."""
    path = Layout.of(directory).endpoints
    try:
        return cast(Endpoints, json.loads(path.read_text()))
    except FileNotFoundError:
        raise SandboxError(f"no sandbox is up in {directory}", "python -m sandbox up") from None


def kafka_settings(endpoints: Endpoints, secure: bool = False) -> dict[str, str]:
    """Returns the settings with which all commands reach Kafka; `secure`: by TLS and a login."""
    if not secure:
        return {"kafka_bootstrap_servers": endpoints["kafka"]}
    return {
        "kafka_bootstrap_servers": endpoints["kafka_sasl_ssl"],
        "kafka_config_file": endpoints["kafka_config_file"],
    }


def settings(endpoints: Endpoints, secure: bool = False) -> dict[str, str]:
    """Returns where everything of this sandbox is, by the names that all commands know."""
    return {
        **kafka_settings(endpoints, secure),
        "bigquery_endpoint": endpoints["bigquery"],
        "expansion_service": endpoints["expansion_service"],
        "job_endpoint": endpoints["job_service"],
        "flink": endpoints["flink_rest"],
        "environment_type": "EXTERNAL",
        "environment_config": endpoints["python_workers"],
    }


def kafka_flags(endpoints: Endpoints, secure: bool = False) -> list[str]:
    """Returns `kafka_settings` as flags."""
    return _flags(kafka_settings(endpoints, secure))


def pipeline_flags(endpoints: Endpoints, secure: bool = False) -> list[str]:
    """Returns `settings` as flags, with which `python -m pipeline` runs on this sandbox."""
    return _flags(settings(endpoints, secure))


def _flags(found: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in found.items()]

"""Runs the two commands of an alert's page under its fault, as a person would who is woken."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness import programs
from harness.alerts import page
from harness.alerts.stage import AlertStage
from operations import bigquery_client
from operations.health import topic_side
from operations.health.limits import LIMITS
from operations.reconcile.settings import Topics
from payments import sources
from payments.settings import VARIABLE_PREFIX
from sandbox.endpoints import settings

_TIMEOUT_SEC = 300


def walk(stage: AlertStage, alerts: Sequence[str]) -> list[str]:
    """Runs the commands of the pages, each once; returns what their pages do not say of them."""
    problems: list[str] = []
    done: dict[str, int | None] = {}
    for alert in alerts:
        for step in page.steps(alert):
            if step.command not in done:
                done[step.command] = _run(stage, step.command)
            code = done[step.command]
            stage.say(f"{alert}: `{step.command}` ended with {code}")
            if code not in step.codes:
                expected = " or ".join(map(str, sorted(step.codes)))
                problems.append(f"`{step.command}` ended with {code}, its page says {expected}")
                stage.say(programs.tail(_log(stage)))
    return problems


def _run(stage: AlertStage, command: str) -> int | None:
    """Returns the exit code, None when it did not end; its files go into the stage's folder."""
    arguments = [*page.filled_in(command, _words(stage, command)), *_limits(stage, command)]
    with _log(stage).open("wb") as log:
        try:
            return subprocess.run(
                [sys.executable, "-m", "payments", *arguments],
                cwd=stage.folder,
                env=_environment(stage),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_TIMEOUT_SEC,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return None


def _environment(stage: AlertStage) -> dict[str, str]:
    e2e_run = stage.e2e_run
    found = {
        **settings(e2e_run.endpoints),
        "kafka_topics": e2e_run.topic,
        "bigquery_dataset": f"{e2e_run.endpoints['project']}.{e2e_run.name}",
    }
    return {
        **sources.without_settings(os.environ),
        **{f"{VARIABLE_PREFIX}{name.upper()}": value for name, value in found.items()},
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }


def _words(stage: AlertStage, command: str) -> dict[str, str]:
    """Returns what stands for the words in capitals."""
    topic = stage.e2e_run.topic
    if "TOPIC/PARTITION/OFFSET" in command:
        return {"TOPIC/PARTITION/OFFSET": _newest_place(stage)}
    if "trace" in command:
        return {"ID": _id_in_conflict(stage)}
    return {"TOPIC": topic, "ID": stage.context.stage.job}


def _limits(stage: AlertStage, command: str) -> list[str]:
    """Returns the limits that the rules have here: a fault is not beyond those that ship."""
    if command != "payments health":
        return []
    return [f"--{name}_max={value:.0f}" for name, value in stage.changed.items() if name in LIMITS]


def _newest_place(stage: AlertStage) -> str:
    e2e_run = stage.e2e_run
    with topic_side.connected(Topics(e2e_run.endpoints["kafka"], (e2e_run.topic,))) as topic:
        span = next(span for span in topic.ranges() if span.end > span.start)
    return f"{span.topic}/{span.partition}/{span.end - 1}"


def _id_in_conflict(stage: AlertStage) -> str:
    endpoints = stage.e2e_run.endpoints
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    table = f"`{endpoints['project']}.{stage.e2e_run.name}.conflicts`"
    [[found]] = client.query(f"SELECT transaction_id FROM {table} LIMIT 1").result()
    return str(found)


def _log(stage: AlertStage) -> Path:
    return stage.folder / "logs/page.log"

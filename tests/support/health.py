"""Runs `payments health` on the job of an end-to-end run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.e2e_run import E2ERun
from operations.health import command as health
from payments import exit_codes


def probe(
    e2e_run: E2ERun, job: str, capsys: pytest.CaptureFixture[str], *limits: str
) -> tuple[int, dict[str, Any]]:
    """Returns the exit code, and the values by their names."""
    endpoints = e2e_run.endpoints
    capsys.readouterr()
    code = health.main(
        [
            f"--kafka_bootstrap_servers={endpoints['kafka']}",
            f"--kafka_topics={e2e_run.topic}",
            f"--bigquery_dataset={endpoints['project']}.{e2e_run.name}",
            f"--bigquery_endpoint={endpoints['bigquery']}",
            f"--flink={endpoints['flink_rest']}",
            f"--flink_job={job}",
            "--json",
            *limits,
        ]
    )
    document = json.loads(capsys.readouterr().out)
    assert document["well"] == (code == exit_codes.WELL)
    return code, {each["name"]: each for each in document["indicators"]}

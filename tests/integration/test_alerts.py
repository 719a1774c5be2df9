"""Some alerts from their fault to a webhook, through real Prometheus and Alertmanager.

`make alerts` does the same with each alert that the sandbox can provoke.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.alerts import table
from harness.alerts.__main__ import run_all
from harness.alerts.trials import TRIALS
from sandbox.sandbox import Sandbox
from tests.support import monitoring_tools

pytestmark = [pytest.mark.integration, monitoring_tools.needed, pytest.mark.timeout(1_200)]
NAMES = ("never-reconciled", "duplicates", "conflict", "exporter-dead")


@pytest.fixture
def monitored(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.up(monitored=True)
    yield sandbox
    sandbox.stop_monitoring()


def test_alerts_arrive_alone_and_resolve(monitored: Sandbox, tmp_path: Path) -> None:
    trials = [trial for trial in TRIALS if trial.name in NAMES]
    assert len(trials) == len(NAMES)

    results = run_all(monitored, tmp_path, trials, print)

    assert table.document(results)["passed"], table.text(results)

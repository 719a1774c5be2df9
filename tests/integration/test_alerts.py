"""An alert is provoked on real parts, arrives and goes; without its fault it does neither.

`make alerts` provokes the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from harness.alerts.__main__ import run_all
from harness.alerts.run import Result
from harness.alerts.trials import TRIALS, without_fault
from sandbox import monitoring
from sandbox.errors import SandboxError
from sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NAME = "PaymentsUnobserved"
CONTROL_SEC = 25  # the fault is heard of sooner


@pytest.fixture(scope="module")
def results(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Result]]:
    """What came of the control, and then of the fault, under the same job."""
    try:
        monitoring.require_tools()
    except SandboxError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    [trial] = [trial for trial in TRIALS if NAME in trial.alerts]
    sandbox.up(monitored=True)
    folder = tmp_path_factory.mktemp("alerts")
    control = without_fault(trial)._replace(fire_sec=CONTROL_SEC)
    yield run_all(sandbox, folder, [control, trial], print)
    sandbox.stop_monitoring()


def test_alert_is_heard_of_and_over_and_its_page_is_right(results: list[Result]) -> None:
    assert results[1].passed, results[1]


def test_control_without_its_fault_it_is_not(results: list[Result]) -> None:
    assert results[0].fired_sec is None
    assert not results[0].passed

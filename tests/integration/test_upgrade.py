"""A planned stop, and a start from its savepoint: half of `make upgrade-test`, one by one.

`rescale` is not here: four workers need minutes to start on two cores.
"""

from pathlib import Path

import pytest

from harness.upgrade import blue_green, scenarios
from harness.upgrade.run import Result, Stage
from sandbox.sandbox import Sandbox
from transforms.payment.outcome import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]


@pytest.fixture
def stage(sandbox: Sandbox, tmp_path: Path) -> Stage:
    return Stage(sandbox, tmp_path, rate=100, seed=1, say=print)


def assert_exact(result: Result) -> None:
    assert result.problems == ()
    assert result.report.balanced, result.report.text()
    assert all(
        result.report.counts.outcomes[outcome] > 0 for outcome in set(Outcome) - {Outcome.SKIPPED}
    )


def test_changed_version_goes_on_from_the_savepoint(stage: Stage) -> None:
    """A rule, a step and a column more: all that `change` does as well."""
    assert_exact(scenarios.column(stage))


def test_renamed_state_or_step_is_refused(stage: Stage) -> None:
    """The control: state must never be lost in silence."""
    assert_exact(scenarios.rename(stage))


def test_green_takes_over_from_blue_and_back(stage: Stage) -> None:
    """With its control: without --shadow nothing may start from blue's savepoint."""
    assert_exact(blue_green.blue_green(stage))

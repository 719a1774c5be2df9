"""Each scenario file is a promise: its traffic ends as its ledger says."""

import pytest

from harness.e2e_run import E2ERun
from simulator import scenario
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

# What a scenario is about must occur in it.
ABOUT = {
    "happy_path": {Outcome.ACCEPTED, Outcome.DUPLICATE},
    "duplicate_storm": {Outcome.DUPLICATE},
    "late_burst": {Outcome.LATE},
    "conflict_attack": {Outcome.CONFLICT},
    "broker_retry": {Outcome.DUPLICATE},
    "poison_pill": {Outcome.INVALID},
    "transactional": {Outcome.DUPLICATE},
}


def test_every_scenario_is_told_here() -> None:
    assert set(scenario.names()) == set(ABOUT)


@pytest.mark.parametrize("name", sorted(ABOUT))
def test_scenario_ends_as_its_ledger_says(e2e_run: E2ERun, name: str) -> None:
    e2e_run.simulate([f"--scenario={name}", "--count=3000", "--rate_per_sec=0"]).wait(120)

    e2e_run.run_direct()

    report = e2e_run.reconcile(wait_sec=0)
    assert report.balanced, report.text()
    for outcome in ABOUT[name]:
        assert report.counts.outcomes[outcome] > 0, report.text()

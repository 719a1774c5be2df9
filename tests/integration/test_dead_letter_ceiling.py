"""A bad deploy stops the job instead of emptying the topic into dead_letters."""

import pytest

from harness.errors import HarnessError
from harness.rehearsal import Rehearsal
from tests.integration.sandbox_clients import wait_until
from transforms.contract.outcome import Outcome
from transforms.limit_dead_letters import TooManyDeadLetters

pytestmark = pytest.mark.integration

MOSTLY_BAD = ("--invalid_ratio=0.9", "--rate_per_sec=0", "--count=1000")


def test_direct_runner_ends_with_one_clear_line(rehearsal: Rehearsal) -> None:
    rehearsal.simulate([*MOSTLY_BAD]).wait(60)

    with pytest.raises(HarnessError) as failed:
        rehearsal.run_direct()

    log = str(failed.value)
    errors = [line for line in log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, log
    assert "--dead_letter_ratio_max=0.5" in errors[0]
    assert "Hint: " in errors[0]
    assert "Traceback" not in log


def test_flink_stops_at_the_ceiling_and_goes_no_further(rehearsal: Rehearsal) -> None:
    job = rehearsal.submit_to_flink()
    rehearsal.simulate(["--invalid_ratio=0.9", "--rate_per_sec=100", "--duration_sec=20"]).wait(60)
    wait_until(lambda: rehearsal.flink.jobs()[job] == "FAILED")
    assert TooManyDeadLetters.__name__ in rehearsal.flink.newest_failure(job)

    report = rehearsal.reconcile(wait_sec=0)
    assert report.missing > 0, report.text()  # most of the topic is still there to be read
    assert report.double == 0, report.text()
    assert "Hint: " in rehearsal.flink.newest_failure(job)


def test_control_under_a_higher_ceiling_the_same_topic_is_read(rehearsal: Rehearsal) -> None:
    rehearsal.simulate([*MOSTLY_BAD]).wait(60)

    rehearsal.run_direct(["--dead_letter_ratio_max=1"])

    report = rehearsal.reconcile(wait_sec=0)
    assert report.balanced, report.text()
    assert report.counts.outcomes[Outcome.INVALID] > 500

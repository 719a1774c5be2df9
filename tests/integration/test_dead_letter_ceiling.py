"""A bad deploy stops the job instead of emptying the topic into dead_letters."""

import pytest

from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from tests.integration.sandbox_clients import wait_until
from transforms.limit_dead_letters import TooManyDeadLetters
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

MOSTLY_BAD = ("--invalid_ratio=0.9", "--rate_per_sec=0", "--count=1000")


def test_direct_runner_ends_with_one_clear_line(e2e_run: E2ERun) -> None:
    e2e_run.simulate([*MOSTLY_BAD]).wait(60)

    with pytest.raises(HarnessError) as failed:
        e2e_run.run_direct()

    log = str(failed.value)
    errors = [line for line in log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, log
    assert "--dead_letter_ratio_max=0.5" in errors[0]
    assert "Hint: " in errors[0]
    assert "Traceback" not in log


def test_flink_stops_at_the_ceiling_and_goes_no_further(e2e_run: E2ERun) -> None:
    job = e2e_run.submit_to_flink()
    e2e_run.simulate(["--invalid_ratio=0.9", "--rate_per_sec=100", "--duration_sec=20"]).wait(60)
    wait_until(lambda: e2e_run.flink.jobs()[job] == "FAILED")
    # Flink tells how a job has ended up to three seconds before it tells why.
    wait_until(lambda: TooManyDeadLetters.__name__ in e2e_run.flink.newest_failure(job))

    report = e2e_run.reconcile(wait_sec=0)
    assert report.missing > 0, report.text()  # most of the topic is still there to be read
    assert report.double == 0, report.text()
    assert "Hint: " in e2e_run.flink.newest_failure(job)


def test_control_under_a_higher_ceiling_the_same_topic_is_read(e2e_run: E2ERun) -> None:
    e2e_run.simulate([*MOSTLY_BAD]).wait(60)

    e2e_run.run_direct(["--dead_letter_ratio_max=1"])

    report = e2e_run.reconcile(wait_sec=0)
    assert report.balanced, report.text()
    assert report.counts.outcomes[Outcome.INVALID] > 500

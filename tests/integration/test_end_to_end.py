"""The whole path on real parts: every record in exactly one table, whatever is killed."""

from collections import Counter
from pathlib import Path

import pytest

from harness.e2e_run import E2ERun
from harness.waits import SELDOM_CHECKPOINTS, kill_until_rows_double, wait_for_rows
from operations import bigquery_client
from operations.reconcile import command as reconcile
from operations.reconcile.report import Report
from payments import exit_codes
from sandbox.sandbox import Sandbox
from tests.support.health import probe
from tests.support.indicators import assert_indicators_are_those_of_the_rules
from transforms.payment.outcome import Outcome

pytestmark = pytest.mark.integration

# Every outcome, every kind of invalid record, and payments that come long after their minute.
MIX = (
    "--reorder_ratio=0.05",
    "--duplicate_ratio=0.03",
    "--conflict_ratio=0.02",
    "--late_ratio=0.02",
    "--invalid_ratio=0.05",
)
TAIL_SEC = 180


def assert_exact(report: Report) -> None:
    """Counts, sums, coverage and the ledger: all of it, with the report as the message."""
    assert report.balanced, report.text()
    assert (report.missing, report.double) == (0, 0)


def test_direct_runner_counts_what_is_there_exactly_and_needs_no_java(
    e2e_run: E2ERun,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    e2e_run.simulate(["--rate_per_sec=0", "--count=3000", *MIX]).wait(60)

    e2e_run.run_direct()

    report = e2e_run.reconcile(wait_sec=0)
    assert_exact(report)
    assert_indicators_are_those_of_the_rules(e2e_run, wait_sec=0)
    assert all(
        report.counts.outcomes[outcome] > 0 for outcome in set(Outcome) - {Outcome.SKIPPED}
    ), report.text()
    assert_parts_are_proven(e2e_run, report, capsys)


def assert_parts_are_proven(
    e2e_run: E2ERun, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    """By time of arrival, as the broker knows it, and behind the last proof."""
    all_of_it, nothing = report.last_line(), "reconciled: read=0 accepted=0 "
    for flag, line in (
        ("--since=1h", all_of_it),
        ("--until=1h", nothing),
        ("--since_last", all_of_it),  # an hour proves nothing of the day before it
        ("--since_last", nothing),
    ):
        assert reconcile.main([*e2e_run.flags(), flag]) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith(line), flag


def test_flink_counts_exactly_through_the_kill_of_a_task_manager(
    sandbox: Sandbox, e2e_run: E2ERun, capsys: pytest.CaptureFixture[str]
) -> None:
    job = e2e_run.submit_to_flink()
    simulator = e2e_run.simulate(["--rate_per_sec=300", "--duration_sec=25", *MIX])
    wait_for_rows(e2e_run, job, TAIL_SEC)

    sandbox.kill("taskmanager-1")

    simulator.wait(120)
    report = e2e_run.reconcile(TAIL_SEC)
    assert_exact(report)
    assert all(
        report.counts.outcomes[outcome] > 0 for outcome in set(Outcome) - {Outcome.SKIPPED}
    ), report.text()
    assert e2e_run.flink.checkpoints(job).restored > 0, "the kill did not touch the job"
    assert_indicators_are_those_of_the_rules(e2e_run, TAIL_SEC)
    assert {"early", "late"} <= pane_timings(e2e_run)  # and the newest add up: assert_exact
    assert_health_is_told(e2e_run, job, capsys)


@pytest.mark.crash_suite
@pytest.mark.timeout(1_200)  # some kills, each after a checkpoint that comes seldom
def test_control_without_stable_input_the_same_kill_counts_twice(
    sandbox: Sandbox, e2e_run: E2ERun
) -> None:
    """The checker's control: Beam's sink as it comes must be caught counting twice."""
    job = e2e_run.submit_to_flink(SELDOM_CHECKPOINTS, module="harness.without_stable_input")
    simulator = e2e_run.simulate(["--rate_per_sec=200", "--duration_sec=500", *MIX])

    def kill() -> None:
        sandbox.kill("taskmanager-1")
        sandbox.kill("taskmanager-2")

    kill_until_rows_double(e2e_run, job, kill, 2 * TAIL_SEC)
    simulator.stop()

    report = e2e_run.reconcile(TAIL_SEC)
    assert report.double > 0, report.text()
    assert not report.balanced
    assert Counter(report.failed())["double"] == 1, report.text()


def assert_health_is_told(e2e_run: E2ERun, job: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All is counted: a probe finds the job well, and unwell with a limit that it exceeds."""
    many_invalid = "--dead_letter_ratio_max=0.5"

    # The kill may be seconds ago, and Flink tells the watermark of before for ten more.
    code, indicators = probe(e2e_run, job, capsys, many_invalid, f"--wait_sec={TAIL_SEC}")

    assert code == exit_codes.WELL, [each for each in indicators.values() if not each["healthy"]]
    assert indicators["lag_records"]["value"] == 0
    assert indicators["restarts"]["value"] > 0
    assert 0 < indicators["dead_letter_ratio"]["value"] < 0.5

    code, indicators = probe(e2e_run, job, capsys, many_invalid, "--state_bytes_max=1")

    assert code == exit_codes.FINDING
    assert [name for name, indicator in indicators.items() if not indicator["healthy"]] == [
        "state_bytes"
    ]


def pane_timings(e2e_run: E2ERun) -> set[str]:
    """Returns which panes there are of the totals by minute."""
    endpoints = e2e_run.endpoints
    client = bigquery_client.connect(endpoints["project"], endpoints["bigquery"])
    table = f"{endpoints['project']}.{e2e_run.name}.totals_by_minute"
    return {row[0] for row in client.query(f"SELECT DISTINCT pane_timing FROM `{table}`").result()}

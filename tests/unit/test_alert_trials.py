"""A trial of `make alerts` passes when its alert fired, alone, is over, and its page is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.alerts import page, table
from harness.alerts.page import Step
from harness.alerts.run import Result
from harness.alerts.trials import TRIALS
from harness.errors import HarnessError
from payments import exit_codes

WELL = Result("PaymentsNoRecords", "nobody pays", 30.0, 20.0, ())
PAGE = "**Is it real?**\n\n```\npayments health\npayments job list\n```\n\n"


def test_alert_that_fired_alone_and_is_over_passes() -> None:
    assert table.document([WELL])["passed"]
    assert table.text([WELL]).endswith("1 of 1 alerts arrived, and went")


@pytest.mark.parametrize(
    "result",
    [
        WELL._replace(fired_sec=None),
        WELL._replace(resolved_sec=None),
        WELL._replace(others=("PaymentsJobNotRunning",)),
        WELL._replace(problem="`payments health` ended with 0, its page says 1"),
    ],
)
def test_alert_that_did_not_fails(result: Result) -> None:
    assert not table.document([WELL, result])["passed"]
    assert "FAILED" in table.text([result])
    assert result.problem in table.text([result])


def test_no_trial_is_no_success() -> None:
    assert not table.document([])["passed"]


def test_page_says_how_its_commands_end(tmp_path: Path) -> None:
    (tmp_path / "One.md").write_text(f"{PAGE}Exit codes when it is: 1 or 3; 0.\n")

    assert page.steps("One", tmp_path) == [
        Step("payments health", frozenset({1, exit_codes.COULD_NOT_LOOK})),
        Step("payments job list", frozenset({0})),
    ]


@pytest.mark.parametrize("codes", ["", "Exit codes when it is: 1.", "Exit codes when it is: 1; x."])
def test_page_without_a_code_for_each_command_is_refused(codes: str, tmp_path: Path) -> None:
    (tmp_path / "One.md").write_text(PAGE + codes)

    with pytest.raises(HarnessError, match=r"One\.md"):
        page.steps("One", tmp_path)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("payments trace TOPIC/PARTITION/OFFSET", ["trace", "t/0/7"]),
        ("payments job show --job_id=ID", ["job", "show", "--job_id=a1"]),
    ],
)
def test_words_in_capitals_are_filled_in(command: str, arguments: list[str]) -> None:
    words = {"TOPIC/PARTITION/OFFSET": "t/0/7", "ID": "a1"}

    assert page.filled_in(command, words) == arguments


def test_command_of_another_program_is_refused() -> None:
    with pytest.raises(HarnessError, match="rm -r"):
        page.filled_in("rm -r ID", {"ID": "a1"})


@pytest.mark.parametrize("alert", [alert for trial in TRIALS for alert in trial.alerts])
def test_page_of_each_provoked_alert_can_be_walked(alert: str) -> None:
    assert len(page.steps(alert)) == 2

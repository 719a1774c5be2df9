"""Each alert has a page, each page an alert; each command of a page is taken by its parser."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from operations.alerts.catalogue import ALERTS
from payments import cli

FOLDER = Path(__file__).parents[2] / "docs/runbook"
PAGES = {page.stem: page.read_text() for page in sorted(FOLDER.glob("*.md"))}
PARTS = (
    "Meaning.",
    "Impact on the books.",
    "Is it real?",
    "Do",
    "Do not.",
    "Back to normal when",
    "Escalate",
)
SETTINGS = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
    "KAFKA_TOPICS": "payments",
    "BIGQUERY_DATASET": "my-project.payments",
    "LIVE_DATASET": "my-project.live",
    "FLINK": "jobmanager:8081",
}


def commands(text: str) -> list[str]:
    """Returns the commands of the blocks of a page."""
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def taken(line: str) -> None:
    """Raises SystemExit when the command that a line names does not take its flags."""
    program, name, *arguments = shlex.split(
        line.replace("TOPIC/PARTITION/OFFSET", "t/0/1").replace(
            "PROJECT.DATASET", "my-project.green"
        )
    )
    assert program == "payments", line
    parser, _ = cli.parsers(pytest.fail)[name]
    assert isinstance(parser, argparse.ArgumentParser)
    parser.parse_args([word.replace("PLACE", "t/0/1") for word in arguments])


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"PAYMENTS_{name}", value)


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    pages = {name for name in PAGES if name != "README" and not name.startswith("emergency-")}

    assert pages == ALERTS.keys()


@pytest.mark.parametrize("name", list(ALERTS))
def test_page_of_an_alert_has_all_parts_and_its_words(name: str) -> None:
    text = PAGES[name]

    assert [part for part in PARTS if f"**{part}" not in text] == []
    assert ALERTS[name].summary in " ".join(text.split())
    assert len(commands(text)) == 2
    assert f"({name}.md) | {ALERTS[name].severity} |" in PAGES["README"]


@pytest.mark.parametrize("name", list(PAGES))
def test_commands_are_taken_by_their_parsers(name: str) -> None:
    assert commands(PAGES[name])
    for line in commands(PAGES[name]):
        taken(line)


def test_emergencies_are_listed() -> None:
    for name in PAGES:
        assert not name.startswith("emergency-") or f"({name}.md)" in PAGES["README"]


@pytest.mark.parametrize(
    "line", ["payments health --no_such=1", "payments job nothing", "payments x"]
)
def test_control_a_command_that_does_not_exist_is_found(line: str) -> None:
    with pytest.raises((SystemExit, KeyError)):
        taken(line)

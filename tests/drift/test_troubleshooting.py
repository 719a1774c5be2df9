"""docs/troubleshooting.md has a row for each message and alert, and none of anything else."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from operations.alerts.catalogue import ALERTS
from operations.health.limits import LIMITS
from tests.support import messages
from tests.support.messages import Message

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
SHIPPED = ("payments", "pipeline", "operations", "transforms", "simulator", "sandbox", "console")
# Errors that end a program with 1 or 3, and what derives from them.
ROOTS = {
    "OperatorError",
    "EndsJob",
    "PreflightError",
    "ResumeError",
    "NotExactlyOnce",
    "NotSubmitted",
    "NoJavaParts",
    "AllInvalid",
    "AlreadyRuns",
    "FailedOnDataflow",
    "Unreachable",
    "CannotRead",
    "CannotWrite",
    "NotSent",
    "ProduceError",
    "LedgerError",
    "SqlFileError",
}
# Of these, what ends with 2: a mistake in what was asked for.
OF_USAGE = {"SettingsError", "UsageError", "SandboxUsage", "QueryError", "WrongContract"}
# They are passed as text: lines of the preflight and of what precedes a launch.
LAUNCH = "pipeline/launch/"
PASSED_ON = {
    "operations/bigquery_client.py",
    "operations/health/sections.py",
    "transforms/kafka/reader.py",
}
ARRIVAL = "transforms/payment/arrival.py"


@functools.cache
def sources() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for folder in SHIPPED
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


@pytest.fixture(scope="module")
def said() -> list[Message]:
    trees = sources()
    found = [*messages.made(trees, messages.kinds(trees, ROOTS) - OF_USAGE)]
    found += messages.hinted(
        {path: tree for path, tree in trees.items() if path.startswith(LAUNCH) or path in PASSED_ON}
    )
    found += arrival(trees[ARRIVAL])
    return [each for each in found if messages.has_words(each.text)]


def arrival(tree: ast.Module) -> list[Message]:
    """Returns what is said of records without an arrival: the sentence is put together there."""
    return [
        Message(ARRIVAL, "NoArrivalTime", text)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        and (text := messages.text_of(node))
        and (text.startswith("carries ") or " offset " in text)
    ]


def rows(page: str) -> list[str]:
    """Returns the messages of the page: the first cell of each row that begins with code."""
    cells = re.findall(r"^\| `(.+?)` \| .+ \| .+ \|$", page, re.MULTILINE)
    return [cell.replace("``", "`") for cell in cells]


def is_of(row: str, text: str) -> bool:
    """Returns whether a row is of a message; one that begins with … must begin as the message."""
    return text.startswith(row) if row.startswith(messages.VARIABLE) else row in text


def without_row(said: list[Message], page: str) -> list[Message]:
    found = rows(page)
    return [each for each in said if not any(is_of(row, each.text) for row in found)]


def without_message(said: list[Message], page: str) -> list[str]:
    return [row for row in rows(page) if not any(is_of(row, each.text) for each in said)]


def test_every_message_has_a_row(said: list[Message]) -> None:
    assert without_row(said, PAGE) == [], "docs/troubleshooting.md needs a row for each"


def test_every_row_is_a_message(said: list[Message]) -> None:
    assert without_message(said, PAGE) == []


def test_every_row_says_cause_and_way_out() -> None:
    assert len(rows(PAGE)) > 150
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            assert all(len(cell.strip()) > 3 for cell in line.strip("|").split(" | ")), line


def test_every_alert_has_a_row_with_its_page() -> None:
    linked = re.findall(r"^\| \[(\w+)\]\(runbook/(\w+)\.md\) \|", PAGE, re.MULTILINE)

    assert linked == [(name, name) for name in ALERTS]


def bold(page: str) -> set[str]:
    return set(re.findall(r"^\| \*\*(.+?)\*\* \|", page, re.MULTILINE))


def checks(trees: dict[str, ast.Module]) -> set[str]:
    """Returns the names of the checks of a reconciliation, and of nothing else."""
    return {
        node.args[0].value
        for path, tree in trees.items()
        if path.startswith("operations/reconcile/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "check"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_check_and_indicator_has_a_row() -> None:
    assert bold(PAGE) == checks(sources()) | set(LIMITS)
    assert len(checks(sources())) > 10


def test_control_a_message_without_a_row_and_a_row_without_a_message_are_found() -> None:
    tree = ast.parse('raise CannotStart(f"the moon is {phase}. Hint: wait")')
    found = list(messages.made({"x.py": tree}, {"CannotStart"}))

    assert found == [Message("x.py:1", "CannotStart", "the moon is …. Hint: wait")]
    assert without_row(found, "| `the sun is …` | Night. | Wait. |") == found
    assert without_message(found, "| `the sun is …` | Night. | Wait. |") == ["the sun is …"]
    assert not without_row(found, "| `the moon is …` | Night. | Wait. |")
    assert without_row(found, "| `… is …` | Night. | Wait. |") == found


def test_control_classes_are_found_through_those_between() -> None:
    tree = ast.parse("class A(EndsJob): ...\nclass B(errors.A): ...\nclass C(ValueError): ...")

    assert messages.kinds({"x.py": tree}, {"EndsJob"}) == {"EndsJob", "A", "B"}

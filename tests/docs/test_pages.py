"""Every page does what it says: its commands show what it shows, its Python runs."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import StandardOptions
from sybil.example import SybilFailure

from harness.flink import FlinkCluster
from payments import cli
from sandbox.sandbox import Sandbox
from tests.support import shell, sybil_pages
from tests.support.prose import Repository
from tests.support.sybil_pages import Command, Page

ROOT = shell.REPOSITORY
REPOSITORY = Repository(ROOT)
PAGES = {path: Page(ROOT / path) for path in REPOSITORY.paths if path.endswith(".md")}
ALONE = [path for path, page in PAGES.items() if page.runs and not page.needs_sandbox]
ON_SANDBOX = [path for path, page in PAGES.items() if page.needs_sandbox]
# Pages whose plain blocks are commands. What they do is tested elsewhere.
PLAIN_COMMANDS = {
    "README.md": "harness/demo.py",
    "docs/launch.md": "tests/launch",
    "docs/live.md": "tests/browser",
    "docs/monitoring.md": "tests/integration/test_exporter.py",
    "docs/report.md": "tests/integration/test_report.py",
    "docs/upgrade.md": "harness/upgrade",
    "docs/your_payments.md": "tests/integration/test_your_payments.py",
    "docs/runbook/": "tests/drift/test_runbook.py",
    "sql/README.md": "tests/integration/test_sql_commands.py",
}
# What a reader has set before: where things are.
SETTINGS = {
    "PAYMENTS_KAFKA_BOOTSTRAP_SERVERS": "broker:9092",
    "PAYMENTS_KAFKA_TOPICS": "payments",
    "PAYMENTS_BIGQUERY_DATASET": "my-project.payments",
    "PAYMENTS_FLINK": "jobmanager:8081",
}
_PLAIN_BLOCK = re.compile(r"^```(?:|bash|sh|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"^(?:\$ )?(?:export |bin/)?(?:payments|python|make|bin/setup)\b", re.M)


@pytest.mark.parametrize("path", ALONE)
def test_page(path: str) -> None:
    with shell.opened() as opened:
        PAGES[path].run(opened)


@pytest.mark.integration
@pytest.mark.parametrize("path", ON_SANDBOX)
def test_page_on_the_sandbox(path: str, sandbox: Sandbox) -> None:
    """Its jobs end with it."""
    try:
        with shell.opened({"SANDBOX_DIR": str(sandbox.layout.root)}) as opened:
            PAGES[path].run(opened)
    finally:
        flink = FlinkCluster(sandbox.endpoints()["flink_rest"])
        for job in flink.live_jobs():
            flink.cancel(job)


def listed_elsewhere() -> list[tuple[str, Command]]:
    return [
        (path, command)
        for path, page in PAGES.items()
        for where, commands in page.blocks
        if where == sybil_pages.ELSEWHERE
        for command in commands
    ]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


def test_commands_that_are_run_elsewhere_are_taken_by_their_parsers(settings: None) -> None:
    assert {
        (path, command.text): fault
        for path, command in listed_elsewhere()
        if (fault := refused(command))
    } == {}


def refused(command: Command) -> str | None:
    """Returns why the program `payments` would not take a command, None if it would."""
    program, *arguments = sybil_pages.words(command)
    if program != "payments":
        return None
    name, *rest = arguments
    parsers = cli.parsers(pytest.fail)
    if name not in parsers:
        return f"no command {name}"
    parser: argparse.ArgumentParser = parsers[name][0]
    if name == "run":
        # Beam has flags of its own beside ours.
        parser = argparse.ArgumentParser(
            parents=[parser], add_help=False, conflict_handler="resolve"
        )
        StandardOptions._add_argparse_args(parser)
    try:
        parser.parse_args(rest)
    except SystemExit as error:
        return None if error.code == 0 else f"not taken: {rest}"
    return None


def test_no_command_is_hidden_from_the_tests() -> None:
    """A block of commands says that it is one, except where other tests know it."""
    assert {
        path: found
        for path, text in REPOSITORY.texts(".md")
        if not path.startswith(tuple(PLAIN_COMMANDS)) and (found := hidden(text))
    } == {}


def test_list_of_pages_with_plain_commands_names_no_other() -> None:
    plain = [path for path, text in REPOSITORY.texts(".md") if hidden(text)]

    assert [each for each in PLAIN_COMMANDS if not any(p.startswith(each) for p in plain)] == []
    assert [tests for tests in PLAIN_COMMANDS.values() if not (ROOT / tests).exists()] == []


def hidden(text: str) -> list[str]:
    return [block for block in _PLAIN_BLOCK.findall(text) if _PROGRAM.search(block)]


def page_of(folder: Path, text: str) -> Page:
    path = folder / "page.md"
    path.write_text(text)
    return Page(path)


def run(page: Page, timeout_sec: float = 30) -> None:
    with shell.opened(timeout_sec=timeout_sec) as opened:
        page.run(opened)


@pytest.mark.parametrize(
    "block",
    [
        "$ echo one; echo two\ntwo",
        "$ echo one; echo two\none\ntwo",
        "$ seq 5\n1\n…\n5",
        "$ echo took 3.4 s\ntook … s",
        "$ echo lost; false\nlost\n(exit code 1)",
        "$ export NAME=x\n$ echo $NAME\nx",
        "$ name=y\n$ cd docs\n$ echo $name $(basename $PWD)\ny docs",
        "$ echo a \\\n    b\na b",
        "echo one\necho \\\n   two",
        "$ cat\n$ echo still here\nstill here",
    ],
)
def test_block_that_is_true_passes(tmp_path: Path, block: str) -> None:
    run(page_of(tmp_path, f"```console\n{block}\n```\n"))


@pytest.mark.parametrize(
    "block",
    [
        "$ echo one; echo two\none",
        "$ echo two\none\ntwo",
        "$ seq 5\n2\n…\n4",
        "$ echo tooks\ntook …\ns",
        "$ echo stook 3 s\ntook … s",
        "$ false",
        "false\ntrue",
        "$ true\n(exit code 1)",
        "$ echo\nword",
    ],
)
def test_control_a_block_that_is_not_true_is_found(tmp_path: Path, block: str) -> None:
    with pytest.raises(SybilFailure):
        run(page_of(tmp_path, f"```console\n{block}\n```\n"))


def test_control_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="took too long"):
        run(page_of(tmp_path, "```console\n$ sleep 60\n```\n"), timeout_sec=0.5)


def test_python_runs_and_later_blocks_know_earlier_ones(tmp_path: Path) -> None:
    run(page_of(tmp_path, "```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n```\n"))


@pytest.mark.parametrize("block", ["assert 1 == 2", ">>> 1 + 1\n3"])
def test_control_python_that_is_wrong_is_found(tmp_path: Path, block: str) -> None:
    with pytest.raises((AssertionError, SybilFailure)):
        run(page_of(tmp_path, f"```python\n{block}\n```\n"))


def test_where_a_page_is_run(tmp_path: Path) -> None:
    here, there = "```console\ntrue\n```\n", "```console elsewhere\nfalse\n```\n"
    on_sandbox = "```console sandbox\ntrue\n```\n"

    assert page_of(tmp_path, here).runs and not page_of(tmp_path, here + there).needs_sandbox
    assert not page_of(tmp_path, there).runs
    assert page_of(tmp_path, here + on_sandbox).needs_sandbox
    run(page_of(tmp_path, here + there))


def test_control_a_block_that_is_run_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="console moon"):
        page_of(tmp_path, "```console moon\ntrue\n```\n")


@pytest.mark.parametrize("text", ["payments health --nothing=1", "payments nothing"])
def test_control_a_command_elsewhere_that_does_not_exist_is_found(
    text: str, settings: None
) -> None:
    assert refused(Command(text))
    assert refused(Command("payments runs list")) is None


def test_control_a_hidden_command_is_found() -> None:
    assert hidden("```\npayments health\n```\n") and hidden("```bash\nexport A\nmake x\n```\n")
    assert not hidden("```\nreconciled: read=1\n```\n\n```console\npayments health\n```\n")

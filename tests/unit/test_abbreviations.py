"""A flag is taken by its whole name only: half of `--wipe` must not wipe."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from operations.dead_letters import command as dead_letters
from operations.rollout import command as deploy
from operations.tables import command as tables
from sandbox import cli

REPOSITORY = Path(__file__).parents[2]
# Programs that people run; the rest is started by these.
COMMANDS = ("pipeline", "simulator", "sandbox/cli.py", "harness/demo.py", "harness/command_line.py")
# What is parsed there is no command line.
_NOT_A_COMMAND = {"pipeline/launch/flex_template.py"}


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (cli.main, ["down", "--dir=/no/such", "--wip"]),
        (tables.main, ["diff", "--bigquery_data=my-project.payments"]),
        (deploy.main, ["status", "--live=my-project.payments"]),
        (dead_letters.main, ["list", "--bigquery_dataset=my-project.payments", "--al"]),
    ],
)
def test_half_a_flag_is_no_flag(main: Callable[[list[str]], int], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2


def test_no_parser_of_a_command_takes_half_a_flag() -> None:
    files = [file for command in COMMANDS for file in (REPOSITORY / command).rglob("*.py")] + [
        REPOSITORY / each for each in COMMANDS if each.endswith(".py")
    ]

    found = {str(each.relative_to(REPOSITORY)): loose(each.read_text()) for each in files}

    assert {name for name, lines in found.items() if lines} == _NOT_A_COMMAND


def test_control_a_parser_that_does_is_found() -> None:
    assert loose("argparse.ArgumentParser()\ncommands.add_parser('x')") == [1, 2]
    assert loose("argparse.ArgumentParser(allow_abbrev=False)") == []


def loose(code: str) -> list[int]:
    """Returns the lines where a parser is made that takes any beginning of a flag's name."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("ArgumentParser", "add_parser")
        and "allow_abbrev" not in {keyword.arg for keyword in node.keywords}
    ]

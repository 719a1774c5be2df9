"""The stand-in can be asked: a query, a prompt, and mistakes in a line."""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import bigquery

from payments import exit_codes
from sandbox import cli, endpoints, sql
from sandbox.errors import SandboxError

REPOSITORY = Path(__file__).parents[2]


class Rows(list[Any]):
    schema = (SimpleNamespace(name="n"), SimpleNamespace(name="name"))


class Client:
    """In the place of Google's; `problem` is raised by the next question."""

    project = "sandbox"

    def __init__(self) -> None:
        self.made = {"older": 2, "newest": 3, "oldest": 1}
        self.asked: list[tuple[str, str]] = []
        self.problem: Exception | None = None

    def list_datasets(self, **more: Any) -> list[Any]:
        return [SimpleNamespace(dataset_id=name) for name in self.made]

    def get_dataset(self, name: str, **more: Any) -> Any:
        return SimpleNamespace(created=dt.datetime(2026, 1, self.made[name], tzinfo=dt.UTC))

    def list_tables(self, dataset: str, **more: Any) -> list[Any]:
        return [SimpleNamespace(table_id="records", table_type="VIEW")]

    def query(self, query: str, job_config: Any, **more: Any) -> Any:
        self.asked.append((job_config.default_dataset.dataset_id, query))
        if self.problem is not None:
            raise self.problem
        return SimpleNamespace(result=lambda **more: Rows([[1, "one"], [22, None]]))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    found = Client()
    monkeypatch.setattr(bigquery, "Client", lambda *arguments, **more: found)
    return found


def run(client: Client, query: str | None = None, as_json: bool = False) -> int:
    console = sql.connect("127.0.0.1:1", "sandbox", None)
    options = argparse.Namespace(query=query, json=as_json)
    return sql.run(console, options, Path("nowhere"))


def typed(*lines: str | type[BaseException]) -> Any:
    left: Iterator[str | type[BaseException]] = iter(lines)

    def read(prompt: str) -> str:
        line = next(left, EOFError)
        if isinstance(line, str):
            return line
        raise line

    return read


def asked_at_prompt(client: Client, *lines: str | type[BaseException]) -> list[str]:
    sql.prompt(sql.connect("127.0.0.1:1", "sandbox", None), False, typed(*lines))
    return [query for _, query in client.asked]


def test_query_is_asked_of_the_newest_dataset(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(client, "SELECT * FROM t") == exit_codes.WELL

    assert client.asked == [("newest", "SELECT * FROM t")]
    assert capsys.readouterr().out == "  n  name\n---  ------\n  1  one\n 22\n"


def test_json_is_for_programs(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    run(client, "SELECT 1", as_json=True)

    assert json.loads(capsys.readouterr().out)[0] == {"n": 1, "name": "one"}


@pytest.mark.parametrize("name", ["older", "sandbox.older"])
def test_dataset_can_be_named(client: Client, name: str) -> None:
    assert sql.connect("127.0.0.1:1", "sandbox", name).dataset == "older"


def test_dataset_that_is_not_there_is_told(client: Client) -> None:
    with pytest.raises(SandboxError, match=r"no dataset 'other'\. Hint: one of: older") as told:
        sql.connect("127.0.0.1:1", "sandbox", "other")
    assert told.value.exit_code == exit_codes.USAGE

    client.made = {}
    with pytest.raises(SandboxError, match="payments tables create"):
        sql.connect("127.0.0.1:1", "sandbox", None)


@pytest.mark.parametrize(
    ("problem", "told", "code"),
    [
        (exceptions.BadRequest("Syntax\n error\n\nLocation: US\nJob ID: 1"), "Syntax error", 2),
        (exceptions.InternalServerError("boom"), "the stand-in failed: boom", 3),
        (requests.ConnectionError("refused"), "does not answer. Hint: python -m sandbox status", 3),
    ],
)
def test_errors_are_a_line(client: Client, problem: Exception, told: str, code: int) -> None:
    client.problem = problem

    with pytest.raises(SandboxError) as raised:
        run(client, "SELEC 1")

    assert raised.value.exit_code == code
    assert str(raised.value).endswith(told)


def test_library_announces_nothing() -> None:
    program = "from sandbox import sql; sql.connect('127.0.0.1:1', 'sandbox', None)"
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)

    assert "Warning" not in ended.stderr
    assert "SandboxError: BigQuery's stand-in does not answer" in ended.stderr  # the control


def test_script_is_read_from_a_pipe(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1"))

    run(client)

    assert client.asked == [("newest", "SELECT 1")]


def test_prompt_takes_lines_until_a_semicolon_or_an_empty_line(client: Client) -> None:
    lines = ["", "SELECT", "1;", "SELECT 2", "", ";"]

    assert asked_at_prompt(client, *lines) == ["SELECT\n1;", "SELECT 2"]


def test_prompt_goes_on_after_a_mistake_and_after_ctrl_c(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.problem = exceptions.BadRequest("no such table")

    asked = asked_at_prompt(client, "SELECT 1;", "SELECT half", KeyboardInterrupt, "SELECT 2;")

    assert asked == ["SELECT 1;", "SELECT 2;"]
    assert capsys.readouterr().err.count("error: no such table\n") == 2


@pytest.mark.parametrize("word", ["\\q", "exit", "quit"])
def test_prompt_ends_when_told(client: Client, word: str) -> None:
    assert asked_at_prompt(client, word, "SELECT 1;") == []


def test_prompt_lists_tables(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    asked_at_prompt(client, "\\d", "\\x")

    printed = capsys.readouterr()
    assert "records  view" in printed.out
    assert "\\x is no command" in printed.err


def test_history_is_kept_in_the_sandboxs_folder(tmp_path: Path, monkeypatch: Any) -> None:
    kept: list[Any] = []
    monkeypatch.setattr(sql.atexit, "register", kept.append)

    sql._keep(tmp_path / "sql_history")
    kept[0]()

    assert (tmp_path / "sql_history").exists()


def test_command_asks_the_sandbox_that_is_up(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    found = {"bigquery": "127.0.0.1:1", "project": "sandbox"}
    monkeypatch.setattr(cli.Sandbox, "endpoints", lambda self: found)

    assert cli.main(["sql", "SELECT 1", f"--dir={tmp_path}"]) == exit_codes.WELL
    assert client.asked == [("newest", "SELECT 1")]
    assert endpoints.DEFAULT_DIR == ".sandbox"

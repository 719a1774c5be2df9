"""The one command: what it loads, what it says of what is not there, and what shells complete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from payments import cli
from sandbox import endpoints, kafka_broker, settings_file

REPOSITORY = Path(__file__).parents[2]
# What costs more than half a second to load.
HEAVY = ("apache_beam", "google.cloud.bigquery", "pyarrow")
LIGHT = [name for name in cli.COMMANDS if name != "run"]


def loaded(*arguments: str) -> set[str]:
    command = [sys.executable, "-X", "importtime", "-m", "payments", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, timeout=120, check=True
    )
    return {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in LIGHT)])
def test_help_loads_neither_beam_nor_googles_client(arguments: list[str]) -> None:
    assert loaded(*arguments) & set(HEAVY) == set()


def test_control_the_job_loads_beam() -> None:
    assert "apache_beam" in loaded("run", "--help")


def test_unknown_command_is_told_with_a_close_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["reconcil"]) == 2

    assert capsys.readouterr().err == (
        "error: unknown command 'reconcil'. Hint: did you mean reconcile?\n"
    )


@pytest.mark.parametrize("flags", [[], ["--help"]])
def test_command_that_is_not_installed_is_told_in_a_line(
    flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cli.COMMANDS, "simulate", cli.Command("nowhere.cli", "sends nothing"))

    assert cli.main(["simulate", *flags]) == 2

    assert capsys.readouterr().err == (
        "error: `payments simulate` is not in this installation: nowhere is missing. "
        "Hint: a checkout has all commands after `make setup`\n"
    )


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_a_parser_that_bears_its_name(name: str) -> None:
    parser, _ = cli.parsers(pytest.fail)[name]

    assert parser.prog == f"payments {name}"
    assert parser.description


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", ["_payments", "--kafka_bootstrap_servers", "take-back", "--dedup_state"]),
        ("zsh", ["#compdef payments", "--kafka_bootstrap_servers", "take-back"]),
        ("fish", ["complete -c payments", "kafka_bootstrap_servers", "take-back"]),
    ],
)
def test_shells_complete_every_command(
    shell: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", shell]) == 0

    printed = capsys.readouterr().out
    for word in (*words, *cli.COMMANDS):
        assert word in printed, word


def test_without_the_package_no_completion_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)

    assert cli.main(["completion", "bash"]) == 3
    assert capsys.readouterr().err == (
        "error: the package shtab is missing. Hint: pip install shtab\n"
    )


def sandbox_endpoints(folder: Path) -> endpoints.Endpoints:
    found = {key: "127.0.0.1:1" for key in endpoints.Endpoints.__annotations__}
    more = {"project": "sandbox", "topic": "payments", "dir": str(folder), "pids": {}}
    return endpoints.Endpoints(**{**found, **more})  # type: ignore[typeddict-item]


COMMAND_LINES = {
    "tables": ["check"],
    "runs": ["list"],
    "reconcile": [],
    "dead-letters": ["send"],
    "health": [],
    "rollout": ["status", "--live_dataset=p.live"],
    "trace": ["tx-1"],
    "topic": ["watch"],
    "send": [],
    "simulate": [],
    "config": ["show"],
}


@pytest.mark.parametrize("name", list(COMMAND_LINES))
@pytest.mark.parametrize("fresh", [False, True])
def test_the_sandboxs_file_is_all_that_a_command_needs(
    name: str, fresh: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(kafka_broker, "create_topic", lambda servers, topic: made.append(topic))
    path = settings_file.write(sandbox_endpoints(tmp_path), secure=True, fresh=fresh)
    monkeypatch.setenv("PAYMENTS_CONFIG", str(path))
    for ledger in made:
        (tmp_path / f"{ledger}.ledger.jsonl").touch()

    found = vars(cli.parsers(pytest.fail)[name][0].parse_args(COMMAND_LINES[name]))

    assert len(made) == fresh
    topic = made[0] if fresh else "payments"
    assert found.get("kafka_topics", topic) in (topic, (topic,))
    assert found.get("bigquery_dataset", f"sandbox.{topic}") in (
        ("sandbox", topic),
        f"sandbox.{topic}",
    )


def test_reader_that_leaves_early_is_no_error() -> None:
    command = [sys.executable, "-m", "payments", "config", "show", "--json"]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        program.stdout.close()
        said = program.stderr.read()

    assert (program.returncode, said) == (141, b"")

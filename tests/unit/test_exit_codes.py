"""Every command ends with the same codes, and with one line for what a person can put right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from google.auth.exceptions import DefaultCredentialsError

from harness.errors import HarnessError
from harness.exit_codes import exit_code
from operations.dead_letters import command as dead_letters
from operations.errors import CannotCheck, CannotStart, NoAnswer, ReplayUnanswered, RolloutError
from operations.exporter import command as exporter
from operations.health import command as health
from operations.reconcile import command as reconcile
from operations.report import command as report
from operations.rollout import command as rollout
from operations.runs import command as runs
from operations.tables import command as tables
from operations.topic import command as topic
from operations.trace import command as trace
from payments import exit_codes
from payments.errors import OperatorError
from pipeline import main as job
from pipeline.config_values import ConfigError
from pipeline.launch.preflight import PreflightError
from sandbox import cli as sandbox
from sandbox.errors import SandboxError
from simulator import by_hand
from simulator import cli as simulator
from simulator.produce import ProduceError
from transforms.kafka.properties import PropertiesError

DATASET = "--bigquery_dataset=my-project.payments"
KAFKA = ["--kafka_bootstrap_servers=broker:9092", "--kafka_topics=payments"]
LIVE = "--live_dataset=my-project.live"
# Of each command: its module, a command line, what of it does the work, and errors with their code.
COMMANDS: dict[str, tuple[ModuleType, Sequence[str], str, Sequence[tuple[Exception, int]]]] = {
    "tables": (
        tables,
        ["diff", DATASET],
        "bigquery_client.connect",
        [(DefaultCredentialsError("none"), 3)],
    ),
    "runs": (runs, ["list", DATASET], "RunsTable", [(NoAnswer("no answer"), 3)]),
    "reconcile": (
        reconcile,
        [*KAFKA, DATASET],
        "_limits",
        [(CannotCheck("x"), 3), (CannotStart("damaged"), 3), (reconcile.Contradicts("x"), 2)],
    ),
    "dead-letters": (
        dead_letters,
        ["list", DATASET],
        "_history",
        [(ReplayUnanswered("no answer"), 3), (PropertiesError("no file"), 2)],
    ),
    "health": (
        health,
        [*KAFKA, DATASET],
        "kafka_properties.load",
        [(CannotCheck("no answer"), 3), (PropertiesError("no file"), 2)],
    ),
    "exporter": (
        exporter,
        [*KAFKA, DATASET],
        "kafka_properties.load",
        [(CannotCheck("port taken"), 3), (PropertiesError("no file"), 2)],
    ),
    "report": (
        report,
        [*KAFKA, DATASET],
        "kafka_properties.load",
        [(CannotCheck("no answer"), 3), (PropertiesError("no file"), 2)],
    ),
    "trace": (
        trace,
        ["tx-1", *KAFKA, DATASET],
        "_found",
        [(CannotCheck("no answer"), 3), (PropertiesError("no file"), 2)],
    ),
    "topic": (
        topic,
        ["list", KAFKA[0]],
        "_kafka",
        [(CannotCheck("no answer"), 3), (PropertiesError("no file"), 2)],
    ),
    "rollout": (rollout, ["status", *KAFKA, LIVE], "Rollout", [(RolloutError("no answer"), 3)]),
    "simulate": (simulator, KAFKA, "run", [(ProduceError("not delivered"), 1)]),
    "send": (by_hand, KAFKA, "Publisher", [(ProduceError("not delivered"), 1)]),
    "run": (
        job,
        [*KAFKA, DATASET],
        "_run",
        [
            (PreflightError("no topic"), 1),
            (CannotStart("held"), 1),
            (NoAnswer("no answer"), 3),
            (ConfigError("wrong"), 2),
        ],
    ),
    "sandbox": (sandbox, ["status"], "Sandbox", [(SandboxError("down"), 3)]),
}
ERRORS = [(name, error, code) for name, (*_, errors) in COMMANDS.items() for error, code in errors]


def ended(name: str, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    module, arguments, work, _ = COMMANDS[name]
    monkeypatch.setattr(simulator, "_tune", lambda: None)
    where, _, what = f"{module.__name__}.{work}".rpartition(".")
    monkeypatch.setattr(f"{where}.{what}", raises(error))
    return int(module.main(arguments))


def raises(error: BaseException) -> Callable[..., Any]:
    def work(*arguments: Any, **more: Any) -> Any:
        raise error

    return work


@pytest.mark.parametrize(("name", "error", "code"), ERRORS)
def test_an_error_is_a_line_and_a_code(
    name: str,
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(name, error, monkeypatch) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_ctrl_c_ends_with_130_and_a_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(name, KeyboardInterrupt(), monkeypatch) == 130

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("interrupted")


@pytest.mark.parametrize("name", list(COMMANDS))
def test_control_what_nobody_expects_keeps_its_trace(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZeroDivisionError):
        ended(name, ZeroDivisionError(), monkeypatch)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
def test_a_flag_that_nobody_knows_is_a_line_and_2(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module, arguments, *_ = COMMANDS[name]
    with pytest.raises(SystemExit) as end:
        module.main([*arguments, "--no_such_flag=1"])

    assert end.value.code == exit_codes.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "--no_such_flag" in line


def test_the_job_tells_such_a_flag_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main(["--no_such_flag=1"]) == exit_codes.USAGE

    assert "unknown flag '--no_such_flag'" in capsys.readouterr().err


def test_the_job_names_all_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert job.main([]) == exit_codes.USAGE

    assert (
        "--kafka_bootstrap_servers and --kafka_topics and --bigquery_dataset are required"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(("lines", "code"), [([], 0), (["table x is missing"], 1)])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_tables_that_differ_are_a_finding(
    lines: list[str], code: int, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables.bigquery_client, "connect", lambda *arguments: None)
    monkeypatch.setattr(tables, "diff", lambda *arguments: lines)
    monkeypatch.setattr(tables.bigquery_views, "diff", lambda *arguments: [])

    assert tables.main(["diff", DATASET, *flags]) == code


@pytest.mark.parametrize(
    ("error", "code"), [(HarnessError("died"), 3), (OperatorError("unbalanced"), 1)]
)
def test_a_run_of_the_whole_ends_so_too(error: Exception, code: int) -> None:
    assert exit_code(raises(error)) == code
    assert exit_code(raises(KeyboardInterrupt())) == exit_codes.INTERRUPTED

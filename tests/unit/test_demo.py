"""`make demo`: a scenario that is not there is refused before anything starts; what KEEP=1 says."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from harness import demo
from harness.e2e_run import E2ERun
from harness.progress import Snapshot
from operations.health import command as health
from payments import cli
from simulator import scenario
from transforms.payment.outcome import Outcome

ENDPOINTS = {
    "kafka": "127.0.0.1:9092",
    "bigquery": "127.0.0.1:9050",
    "flink_rest": "127.0.0.1:8081",
    "project": "sandbox",
}


def test_unknown_scenario_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def started(*arguments: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr(demo, "Sandbox", started)

    with pytest.raises(SystemExit) as ended:
        demo.main(["--scenario=foo"])

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert all(name in said for name in scenario.names())


def test_control_known_scenario_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "exit_code", lambda run: 0)

    assert demo.main(["--scenario=happy_path"]) == 0


def test_kept_sandbox_is_left_with_commands_that_work(tmp_path: Path) -> None:
    """Each is parsed by the program that it calls; none is asked for what it has not got."""
    run = E2ERun("demo_1", ENDPOINTS, tmp_path)  # type: ignore[arg-type]

    lines = demo.ready_commands(run, ".sandbox")

    said = "\n".join(lines)
    assert "--bigquery_dataset=sandbox.demo_1" in said and "--kafka_topics=demo_1" in said
    assert lines[-1].endswith("-m sandbox down --dir=.sandbox")
    for line in lines[:-1]:
        words = shlex.split(line)
        name = words[words.index("payments") + 1]
        assert name in cli.COMMANDS, line
    assert {re.search(r"payments (\S+)", line)[1] for line in lines[:-1]} >= {  # type: ignore[index]
        "reconcile",
        "health",
        "job",
    }
    flags = shlex.split(next(line for line in lines if " health " in line))
    health.parser().parse_args(flags[flags.index("health") + 1 :])


def test_first_seconds_say_why_nothing_is_queryable() -> None:
    nothing = dict.fromkeys(Outcome, 0)
    begun = Snapshot(40, nothing, None, 0, 3.0)

    assert "starting: nothing is queryable before the next checkpoint" in begun.line()
    going_on = dataclasses.replace(begun, rows={**nothing, Outcome.ACCEPTED: 9})
    assert "accepted       9" in going_on.line()
    assert "accepted" in dataclasses.replace(begun, state_bytes=None).line()  # DirectRunner

"""Kafka through TLS and a login, and where its password is: in one file, and nowhere else."""

import base64
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from harness import programs
from harness.e2e_run import E2ERun
from operations.dead_letters.history import Filter, History
from operations.dead_letters.letters import name_of, place_of
from operations.reconcile.settings import Dataset
from sandbox import processes
from sandbox.endpoints import Endpoints, kafka_flags, pipeline_flags
from sandbox.sandbox import Sandbox
from tests.support.secret_search import forms_of, places_of

pytestmark = pytest.mark.integration

WRONG = "wr0ng-Passw0rd-Zebra"
MIX = ("--duplicate_ratio=0.03", "--invalid_ratio=0.05")


@pytest.fixture
def secure(e2e_run: E2ERun) -> E2ERun:
    return dataclasses.replace(e2e_run, secure=True)


def password_of(endpoints: Endpoints) -> str:
    found = re.search(r'password="([^"]+)"', Path(endpoints["kafka_config_file"]).read_text())
    assert found is not None
    return found[1]


def a_dead_letter_of(e2e_run: E2ERun) -> str:
    endpoints = e2e_run.endpoints
    tables = Dataset(endpoints["project"], e2e_run.name, endpoints["bigquery"])
    return name_of(place_of(next(iter(History(tables).find(Filter()))).letter))


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180)


# --- The right password ---------------------------------------------------------------------------


def test_direct_runner_counts_exactly_through_tls_and_a_login(secure: E2ERun) -> None:
    secure.simulate(["--rate_per_sec=0", "--count=500", *MIX]).wait(60)

    secure.run_direct()

    assert secure.reconcile(wait_sec=0).balanced


def test_flink_counts_exactly_and_no_file_or_plan_holds_the_password(
    sandbox: Sandbox, secure: E2ERun
) -> None:
    """Every program that connects; then all that the sandbox has written, checkpoints included."""
    endpoints = secure.endpoints
    password = password_of(endpoints)
    job = secure.submit_to_flink()
    secure.simulate(["--rate_per_sec=0", "--count=500", *MIX]).wait(60)

    assert secure.reconcile(wait_sec=120).balanced

    tables = [
        f"--bigquery_dataset={endpoints['project']}.{secure.name}",
        f"--bigquery_endpoint={endpoints['bigquery']}",
        *kafka_flags(endpoints, secure=True),
    ]
    told = [
        run("payments", "reconcile", f"--kafka_topics={secure.topic}", *tables),
        run("payments", "dead-letters", "send", a_dead_letter_of(secure), *tables),
    ]
    assert told[0].returncode == 0, told[0].stderr
    assert "error" not in told[1].stderr, told[1].stderr
    texts = [
        *(done.stdout + done.stderr for done in told),
        *(
            requests.get(f"http://{endpoints['flink_rest']}{path}", timeout=10).text
            for path in ("/jobs", f"/jobs/{job}", f"/jobs/{job}/plan", f"/jobs/{job}/config")
        ),
        *(" ".join(process.cmdline()) for process in processes.of_sandbox(sandbox.layout)),
    ]
    assert not [text for text in texts for form in forms_of(password) if form in text.encode()]
    config_file = Path(endpoints["kafka_config_file"])
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert places_of(password, [sandbox.layout.root, secure.folder], [config_file]) == []


def test_control_password_that_a_program_prints_is_found(secure: E2ERun) -> None:
    """In plain, in base64, and in the midst of something else that is in base64."""
    file = secure.endpoints["kafka_config_file"]
    password = password_of(secure.endpoints)
    logs = secure.folder / "logs"
    programs.start("fileinput", [file], logs / "plain.log").wait(30)
    programs.start("base64", ["-e", file], logs / "whole.log").wait(30)
    logs.joinpath("alone.log").write_bytes(base64.b64encode(password.encode()))

    assert {path.name for path in places_of(password, [secure.folder])} == {
        "plain.log",
        "whole.log",
        "alone.log",
    }


# --- The wrong one --------------------------------------------------------------------------------


@pytest.fixture
def wrong(secure: E2ERun, tmp_path: Path) -> list[str]:
    """The flags that reach Kafka, with another password."""
    right = Path(secure.endpoints["kafka_config_file"]).read_text()
    file = tmp_path / "wrong.properties"
    file.write_text(right.replace(password_of(secure.endpoints), WRONG))
    address, _ = kafka_flags(secure.endpoints, secure=True)
    return [address, f"--kafka_config_file={file}"]


def test_wrong_password_is_told_in_one_line_by_every_program(
    secure: E2ERun, wrong: list[str]
) -> None:
    """The last one asks Java: without the checks, the job server finds out from the broker."""
    address, file = wrong
    tables = [
        f"--kafka_topics={secure.topic}",
        f"--bigquery_dataset={secure.endpoints['project']}.{secure.name}",
        f"--bigquery_endpoint={secure.endpoints['bigquery']}",
        *wrong,
    ]
    flink = ["--runner=FlinkRunner", *pipeline_flags(secure.endpoints), *tables]
    simulator = [address, file, f"--kafka_topics={secure.topic}"]
    logs = secure.folder / "logs"
    programs_at_once = [
        (1, programs.start("simulator", [*simulator, "--count=1"], logs / "1.log")),
        (3, programs.start("payments", ["reconcile", *tables], logs / "2.log")),
        (1, programs.start("pipeline", flink, logs / "3.log")),
        (1, programs.start("pipeline", [*flink, "--no_preflight"], logs / "4.log")),
    ]

    for code, program in programs_at_once:
        # None keeps trying: those in Python give up after 15 s, Java at the first refusal.
        assert program.process.wait(180) == code
        told = program.log.read_text()
        assert "Traceback" not in told and "\tat " not in told
        (line,) = [line for line in told.splitlines() if "error: " in line]
        assert "SaslAuthentication" in line
        assert WRONG not in told
    assert secure.flink.live_jobs() == []

"""The launcher that waits tells how a job fares and ends, on Flink and on DirectRunner."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from harness import programs
from harness.e2e_run import E2ERun
from harness.programs import Program
from operations import kafka_client
from operations.runs.runs_table import RunsTable
from payments import cli
from pipeline.launch.wait import EXIT_CANCELLED
from sandbox.sandbox import Sandbox
from tests.integration.sandbox_clients import wait_until

pytestmark = pytest.mark.integration

_START_SEC = 180


def waiting_program(e2e_run: E2ERun) -> Program:
    """Starts `python -m pipeline` on Flink as a person does, who waits."""
    flags = [each for each in e2e_run._on_flink([]) if each != "--no_wait_until_finish"]
    return programs.start("pipeline", flags, e2e_run.folder / "waiting.log")


def said(program: Program) -> str:
    return program.log.read_text()


def job_of(e2e_run: E2ERun, program: Program) -> str:
    """Returns the Flink job once it has a checkpoint and the program has said so."""
    wait_until(lambda: "newest checkpoint" in said(program) or not program.running(), _START_SEC)
    match = re.search(r"Flink's job (\w+): RUNNING, \d+ s after its start; newest", said(program))
    assert match, said(program)
    return match[1]


def flink_and_tables(e2e_run: E2ERun) -> list[str]:
    endpoints = e2e_run.endpoints
    return [
        e2e_run.flink_flag,
        f"--bigquery_dataset={endpoints['project']}.{e2e_run.name}",
        f"--bigquery_endpoint={endpoints['bigquery']}",
    ]


def test_failures_are_told_and_a_cancelled_job_has_an_end_of_its_own(
    sandbox: Sandbox, e2e_run: E2ERun, capsys: pytest.CaptureFixture[str]
) -> None:
    program = waiting_program(e2e_run)
    try:
        job = job_of(e2e_run, program)
        # A submission has nothing to warn of.
        assert " WARNING " not in said(program), said(program)
        assert cli.main(["job", "list", e2e_run.flink_flag]) == 0
        assert f"{job}  payments-" in capsys.readouterr().out

        sandbox.kill(sorted(e2e_run.flink.task_managers(job))[0])
        wait_until(lambda: "(restart 1): " in said(program))
        [line] = [each for each in said(program).splitlines() if "(restart 1): " in each]
        assert " UTC and Flink starts it again" in line
        e2e_run.flink.wait_for_checkpoint(job, _START_SEC)

        capsys.readouterr()
        assert cli.main(["job", "cancel", *flink_and_tables(e2e_run)]) == 0
        assert f"job {job} (payments-" in (told := capsys.readouterr().out)
        assert "noted as the end of run" in told
        assert program.process.wait(60) == EXIT_CANCELLED, said(program)
    finally:
        program.stop()
    assert "cancelled after" in said(program)
    for noise in ("Traceback", "BeamApp", "ERROR", "error: ", "JobCancellation"):
        assert noise not in said(program), said(program)
    table = RunsTable(f"sandbox.{e2e_run.name}", e2e_run.endpoints["bigquery"])
    assert (table.chain("test")[-1].ended_why or "").startswith("cancelled by ")


def test_savepoint_that_stops_prints_its_uri_and_the_next_job_goes_on(
    e2e_run: E2ERun, capsys: pytest.CaptureFixture[str]
) -> None:
    job = e2e_run.submit_to_flink()
    e2e_run.simulate(["--count=500", "--rate_per_sec=0"]).wait(60)

    assert cli.main(["job", "savepoint", *flink_and_tables(e2e_run), "--stop"]) == 0

    uri = capsys.readouterr().out.strip()
    assert Path(uri.removeprefix("file:").replace("//", "/"), "_metadata").exists()
    assert e2e_run.flink.jobs()[job] == "CANCELED"
    e2e_run.submit_to_flink([f"--savepoint_path={uri}"])
    report = e2e_run.reconcile(_START_SEC)
    assert report.balanced, report.text()


def test_reason_of_a_stop_reaches_who_waits_and_health(
    e2e_run: E2ERun, capsys: pytest.CaptureFixture[str]
) -> None:
    program = waiting_program(e2e_run)
    try:
        job_of(e2e_run, program)
        e2e_run.simulate(["--invalid_ratio=0.9", "--rate_per_sec=100", "--duration_sec=10"])
        assert program.process.wait(_START_SEC) == 1, said(program)
    finally:
        program.stop()
    errors = [line for line in said(program).splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said(program)
    place = re.compile(rf": \d+ \w+, the first at {e2e_run.topic}\[\d\] offset \d+; ")
    assert place.search(errors[0]) and "Hint: " in errors[0], errors[0]
    assert "Traceback" not in said(program)

    topic = [
        f"--kafka_bootstrap_servers={e2e_run.endpoints['kafka']}",
        f"--kafka_topics={e2e_run.topic}",
    ]
    assert cli.main(["health", *topic, *flink_and_tables(e2e_run)]) == 1
    told = capsys.readouterr().out
    assert "FAILED" in told and "TooManyDeadLetters: " in told
    assert place.search(told), told


def test_direct_runner_tells_counts_and_nothing_of_flink(e2e_run: E2ERun) -> None:
    e2e_run.simulate(["--invalid_ratio=0.1", "--rate_per_sec=0", "--count=400"]).wait(60)

    e2e_run.run_direct()

    log = (e2e_run.folder / "logs" / f"{e2e_run.name}.pipeline.log").read_text()
    match = re.search(
        r"read (\d+) accepted (\d+) duplicate (\d+) conflict (\d+) late (\d+) "
        r"invalid (\d+)",
        log,
    )
    assert match, log
    read, *outcomes = map(int, match.groups())
    assert read == sum(outcomes) and outcomes[0] > 0 and outcomes[-1] > 0
    for noise in ("Flink", "WARNING", "Traceback", "ManagedChannel", "\tat "):
        assert noise not in log, log


def test_direct_runner_that_finds_nothing_valid_ends_with_1(e2e_run: E2ERun) -> None:
    # No simulator sends nothing else.
    producer = kafka_client.producer(e2e_run.endpoints["kafka"], {})
    for _ in range(20):
        producer.send(e2e_run.topic, b"?")
    producer.close()
    flags = ["--runner=DirectRunner", *e2e_run.flags()]

    program = programs.start("pipeline", flags, e2e_run.folder / "direct.log")

    assert program.process.wait(120) == 1, said(program)
    assert "error: all 20 records were invalid" in said(program)
    assert "payments dead-letters list" in said(program)


def test_ctrl_c_on_direct_runner_ends_with_130(e2e_run: E2ERun) -> None:
    e2e_run.simulate(["--rate_per_sec=0", "--count=60000"]).wait(120)
    flags = ["--runner=DirectRunner", *e2e_run.flags()]
    program = programs.start("pipeline", flags, e2e_run.folder / "direct.log")
    wait_until(lambda: "reads what is there now" in said(program))
    time.sleep(1)  # it has begun to read: any moment will do

    os.kill(program.process.pid, signal.SIGINT)

    assert program.process.wait(60) == 130, said(program)
    assert said(program).endswith("interrupted\n")
    assert "Traceback" not in said(program)

"""Every wait for somebody else has a limit, says what it waits for, and ends in one line."""

from __future__ import annotations

import ast
import concurrent.futures
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.cloud.bigquery.retry import DEFAULT_RETRY

from operations import bigquery_client
from operations.errors import CannotStart
from operations.tables import command as tables
from payments import exit_codes
from pipeline import main
from pipeline.launch import java_parts, preflight
from transforms.bigquery import connection as bigquery_connection

REPOSITORY = Path(__file__).parents[2]
PROGRAMS = ("payments", "pipeline", "operations", "transforms", "simulator", "templates")


@pytest.fixture
def mute() -> Iterator[str]:
    """A server that takes every connection and says nothing, as one that hangs does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        for each in taken:
            each.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_connection, "ANSWER_SEC", 0.2)
    monkeypatch.setattr(bigquery_client, "QUERY_SEC", 0.2)
    for module in (bigquery_client, tables.bigquery_views, tables):
        monkeypatch.setattr(module, "RETRY", DEFAULT_RETRY.with_timeout(0.3), raising=False)
    monkeypatch.setattr("operations.tables.bigquery_tables.RETRY", bigquery_client.RETRY)
    monkeypatch.setattr(preflight, "_CONNECT_TIMEOUT_SEC", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("command", ["create", "diff", "check"])
def test_tools_do_not_wait_for_a_bigquery_that_hangs(
    command: str, mute: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--bigquery_dataset=my-project.payments", f"--bigquery_endpoint={mute}"]

    assert tables.main([command, *flags]) == exit_codes.COULD_NOT_LOOK

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: BigQuery does not answer at {mute}")


@pytest.mark.usefixtures("impatient")
@pytest.mark.timeout(30)
def test_nobody_waits_for_a_query_that_hangs(mute: str) -> None:
    client = bigquery_client.connect("my-project", mute)

    with (
        pytest.raises(CannotStart, match="BigQuery does not answer at"),
        bigquery_client.errors(CannotStart, "my-project.payments", mute),
    ):
        list(bigquery_client.rows(client, "SELECT 1"))


def test_query_that_is_never_done_is_told_in_a_line() -> None:
    told = bigquery_client.told(concurrent.futures.TimeoutError(), "my-project.payments", None)

    assert told == "BigQuery at Google has not answered a query for 600 s"


@pytest.mark.usefixtures("impatient")
def test_service_of_beam_that_hangs_is_told_before_beam_waits_for_it(mute: str) -> None:
    with pytest.raises(preflight.PreflightError) as told:
        preflight._check_grpc("--expansion_service", mute)

    assert f"--expansion_service: what listens at {mute} does not answer" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.fixture
def another() -> Iterator[str]:
    """A server that speaks gRPC and knows nothing of Beam."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait(5)


def test_control_a_service_that_answers_passes(another: str) -> None:
    preflight._check_grpc("--expansion_service", another)


def test_address_of_another_service_is_told_in_a_line(
    another: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--job_endpoint={another}", f"--expansion_service={another}", "--no_preflight"]
    flags += ["--kafka_bootstrap_servers=broker:1", "--kafka_topics=payments"]

    ended = main.main(["--runner=FlinkRunner", "--bigquery_dataset=p.d", *flags])

    assert ended == exit_codes.FINDING
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "error: " in each]
    assert "did not take the job (UNIMPLEMENTED" in line
    assert f"--job_endpoint={another} the job server" in line


@pytest.mark.timeout(60)
def test_expansion_service_that_does_not_get_ready_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 300\n")
    java.chmod(0o755)
    for name in java_parts._NEEDED:
        (tmp_path / f"{name}-1.jar").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(java_parts, "START_SEC", 1.0)

    with (
        pytest.raises(java_parts.NoJavaParts, match=r"was not ready after 1 s"),
        java_parts.expansion_service(tmp_path),
    ):
        pass

    pid = (tmp_path / "pid").read_text().strip()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


# --- In the code ----------------------------------------------------------------------------------

# A call without an argument waits for ever; a request without `timeout` does, too.
_BARE = {"wait", "result", "join", "communicate", "acquire"}
_NEED_TIMEOUT = {
    "requests.get",
    "requests.post",
    "requests.request",
    "subprocess.run",
    "subprocess.check_output",
    "socket.create_connection",
    "urllib.request.urlopen",
}
# Where: why not.
_ALLOWED = {
    "transforms/bigquery/append_rows.py": "of a future that is done; each append has a limit",
    "operations/exporter/command.py": "it serves until it is ended",
    "templates/flink/worker_pool.py": "of a worker that was killed",
    "templates/expansion/build_jars.py": "a compiler on this machine",
}


def test_no_wait_in_the_programs_is_without_a_limit() -> None:
    found = {
        str(path.relative_to(REPOSITORY)): waits
        for program in PROGRAMS
        for path in (REPOSITORY / program).rglob("*.py")
        if (waits := endless_waits(path.read_text()))
    }

    assert found.keys() == _ALLOWED.keys()


def test_control_waits_without_a_limit_are_found() -> None:
    assert endless_waits("process.wait()\nfuture.result()\nrequests.get(url)") == [1, 2, 3]
    assert endless_waits("process.wait(5)\nrequests.get(url, timeout=1)\n','.join(a)") == []


def endless_waits(code: str) -> list[int]:
    """Returns the lines of calls that may wait for ever."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return sorted(
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and (
            (call.func.attr in _BARE and not call.args and not call.keywords)
            or (
                ast.unparse(call.func) in _NEED_TIMEOUT
                and "timeout" not in {keyword.arg for keyword in call.keywords}
            )
        )
    )

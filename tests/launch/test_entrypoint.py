"""The workers' image runs the right program for each role. A recorder replaces Java and Python."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import grpc
import pytest
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.utils.subprocess_server import pick_port

from operations.tables.sql_files import SQL_FOLDER
from payments import sources
from payments.settings import OF_THE_JOB
from pipeline import configure
from pipeline.options import PipelineOptions
from tests.support.java_program import needs_jars

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "templates/flink/entrypoint.sh"
JARS = REPOSITORY / ".tools/jars/expansion"
DOCKERFILE = REPOSITORY / "templates/flink/Dockerfile"
RECORDER = """#!{python}
import json, sys
print(json.dumps(sys.argv[1:]))
"""
CLASS_PATH = "/opt/payments/jars/*:/opt/payments/gradle/wrapper/*"
SETTINGS = {
    "PAYMENTS_KAFKA_BOOTSTRAP_SERVERS": "a:9092,b:9092",
    "PAYMENTS_KAFKA_TOPICS": "payments",
    "PAYMENTS_BIGQUERY_DATASET": "my-project.payments",
    "PROJECT": "my-project",
    "FLINK_MASTER": "payments-rest:8081",
    "POD_IP": "10.1.2.3",
}


def run(
    folder: Path, *arguments: str, without: str | None = None
) -> subprocess.CompletedProcess[str]:
    for program in ("bin/python", "java/bin/java"):
        file = folder / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(RECORDER.format(python=sys.executable))
        file.chmod(0o755)
    settings = {name: value for name, value in SETTINGS.items() if name != without}
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env={
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "JAVA_HOME": str(folder / "java"),
            "JAVA_CLASS_PATH": CLASS_PATH,
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=30,
    )


def asked(folder: Path, *arguments: str) -> list[str]:
    ended = run(folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    return list(json.loads(ended.stdout))


def test_submit_is_a_command_line_that_the_pipeline_takes(tmp_path: Path) -> None:
    command = asked(tmp_path, "submit", "--savepoint_path=gs://b/savepoint-1")

    assert command[:2] == ["-m", "pipeline"]
    flags = sources.completed(command[2:], OF_THE_JOB, SETTINGS).arguments
    config = configure.from_options(PipelineOptions(flags))
    assert config.runner == "FlinkRunner"
    assert config.continues


def test_java_runs_the_jars_of_the_image_and_no_others(tmp_path: Path) -> None:
    for role in ("java-workers", "job-server"):
        command = asked(tmp_path, role)
        assert command[command.index("-cp") + 1] == CLASS_PATH


@pytest.mark.slow
@needs_jars
@pytest.mark.parametrize("outside", ["payments-kafka.jar", None])
def test_java_workers_expand_the_read_from_the_folders_of_the_image(
    tmp_path: Path, outside: str | None
) -> None:
    """The control, all jars in the folder of which none are sent with a job: nothing expands."""
    expands = outside is not None
    for jar in JARS.glob("*.jar"):
        folder = tmp_path / ("jars" if jar.name == outside else "gradle/wrapper")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            (folder / jar.name).hardlink_to(jar)  # Beam looks at real paths
        except OSError:  # another disk
            shutil.copy(jar, folder)
    assert f"JAVA_CLASS_PATH={CLASS_PATH}" in DOCKERFILE.read_text()
    classes = CLASS_PATH.replace("/opt/payments", str(tmp_path))
    [port] = pick_port(None)
    environment = {**os.environ, **SETTINGS, "JAVA_WORKERS_PORT": str(port)}
    environment |= {"JAVA_CLASS_PATH": classes, "JAVA_HOME": str(REPOSITORY / ".tools/java")}
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(
            [str(SCRIPT), "java-workers"], env=environment, stdout=log, stderr=log
        )
    try:
        with contextlib.nullcontext() if expands else pytest.raises(RuntimeError, match="dependen"):
            read(f"localhost:{port}")
    finally:
        service.terminate()
        service.wait(30)


def read(expansion_service: str) -> None:
    """Has the service expand a read from Kafka, as soon as it listens."""
    channel = grpc.insecure_channel(expansion_service)
    grpc.channel_ready_future(channel).result(timeout=60)
    _ = beam.Pipeline() | ReadFromKafka(
        {"bootstrap.servers": "127.0.0.1:1"}, ["payments"], expansion_service=expansion_service
    )


def test_java_workers_are_the_legacy_reads_and_are_reached_in_their_own_pod(tmp_path: Path) -> None:
    command = asked(tmp_path, "java-workers")

    assert "--experiments=use_deprecated_read" in command
    assert "--defaultEnvironmentConfig=localhost:8097" in command


@pytest.mark.parametrize(
    ("role", "setting"),
    [
        ("submit", "PAYMENTS_KAFKA_TOPICS"),
        ("job-server", "FLINK_MASTER"),
        ("java-workers", "PROJECT"),
        ("watchdog", "POD_IP"),
    ],
)
def test_missing_setting_is_told(tmp_path: Path, role: str, setting: str) -> None:
    ended = run(tmp_path, role, without=setting)

    assert ended.returncode == 2
    assert f"{setting} is required" in ended.stderr


def test_unknown_role_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    ended = run(tmp_path, "taskmanager")

    assert ended.returncode == 2
    assert "no such role: taskmanager" in ended.stderr
    assert "python-workers" in ended.stderr


def test_watchdog_is_told_which_pod_is_its_own(tmp_path: Path) -> None:
    command = asked(tmp_path, "watchdog")

    assert command[:2] == ["-m", "templates.flink.watchdog"]
    assert "--pod_ip=10.1.2.3" in command


@pytest.mark.parametrize("module", ["templates.flink.worker_pool", "templates.flink.watchdog"])
def test_image_holds_all_that_its_programs_import(tmp_path: Path, module: str) -> None:
    """Of the templates it has some files only; a missing one would be found at the first start."""
    copied = re.findall(r"templates/(?:flink/)?\w+\.py", DOCKERFILE.read_text())
    (tmp_path / "templates/flink").mkdir(parents=True)
    for file in copied:
        shutil.copy(REPOSITORY / file, tmp_path / file)

    subprocess.run([sys.executable, "-m", module, "--help"], cwd=tmp_path, check=True, timeout=120)


def test_control_missing_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "templates/flink").mkdir(parents=True)
    shutil.copy(REPOSITORY / "templates/flink/watchdog.py", tmp_path / "templates/flink")

    command = [sys.executable, "-m", "templates.flink.watchdog", "--help"]
    assert subprocess.run(command, cwd=tmp_path, timeout=120).returncode != 0


def test_image_holds_the_views_where_the_tools_look_for_them() -> None:
    """They look beside their package, which the path takes from the folder of the image."""
    beside = SQL_FOLDER.relative_to(REPOSITORY)

    assert "PYTHONPATH=/opt/payments" in DOCKERFILE.read_text()
    assert f"COPY {beside}/ /opt/payments/{beside}/" in DOCKERFILE.read_text()


@pytest.mark.parametrize("role", ["rollout", "exporter"])
def test_command_is_a_role(role: str, tmp_path: Path) -> None:
    assert asked(tmp_path, role, "--help") == ["-m", "payments", role, "--help"]

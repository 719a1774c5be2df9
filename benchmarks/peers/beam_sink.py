"""Beam's Java sink for BigQuery, exactly once, in the place of the pipeline's own.

The rest of the pipeline is as it is, and so are the TaskManagers: the sink's steps run in Java
workers. They and the service that expands the sink are one process, from jars of their own, and
are there for the time of the run.
"""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.on_beam import run_pipeline
from benchmarks.peers import programs
from benchmarks.stage import Measured, Stage
from harness.errors import HarnessError
from harness.programs import Program, tail
from sandbox import beam_jars, certificates, java, ports
from templates.flink import loopback, pdeathsig

_PARTS = Path(__file__).parent / "beam_sink"
_HOME = programs.PEERS / "beam_sink"
_START_SEC = 120


def install() -> Path:
    """Fetches the jars if need be; returns their folder.

    Raises:
        HarnessError: they could not be fetched, or are others than jars.lock names.
    """
    pom, lock, jars = _PARTS / "pom.xml", _PARTS / "jars.lock", _HOME / "jars"
    programs.install(
        _HOME,
        pom.read_text() + lock.read_text(),
        [
            [
                *("mvn", "--batch-mode", "--quiet", "-f", str(pom)),
                f"{programs.DEPENDENCY_PLUGIN}:copy-dependencies",
                *(f"-DoutputDirectory={jars}", "-DincludeScope=runtime"),
            ],
            ["sh", "-c", 'cd "$0" && sha256sum --quiet --strict -c "$1"', str(jars), str(lock)],
        ],
    )
    return jars


def run(stage: Stage) -> Measured:
    """Installs it if need be, runs the pipeline with it, and compares the books afterwards.

    Raises:
        HarnessError: it does not come to the end of the topic, or was not exact.
    """
    jars = install()
    with _java_workers(stage, jars) as (address, pid):
        return run_pipeline(
            stage,
            "Beam's sink",
            [f"--sink_expansion_service={address}"],
            module="benchmarks.peers.beam_sink_job",
            besides=(pid,),
        )


@contextlib.contextmanager
def _java_workers(stage: Stage, jars: Path) -> Iterator[tuple[str, int]]:
    """Yields where the expansion service listens, and its process id; ends it afterwards."""
    links = (stage.folder / "beam_sink/gradle/wrapper").resolve()
    loopback_jar = links.parents[1] / "loopback.jar"
    beam_jars.link(jars, links, loopback_jar)
    port = _free_port()
    command = _command(stage, [str(loopback_jar), f"{links}/*"], port)
    log = stage.folder / "logs/beam_sink.java_workers.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            pdeathsig.command(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    workers = Program("expansion service of Beam's sink", process, log)
    try:
        _wait_until_it_listens(workers, port)
        yield f"{loopback.HOST}:{port}", process.pid
    finally:
        workers.stop()


def _command(stage: Stage, classpath: list[str], port: int) -> list[str]:
    """Returns the command line that the sandbox had while the sink was the pipeline's."""
    endpoints = stage.sandbox.endpoints()
    return java.command(
        "org.apache.beam.sdk.expansion.service.ExpansionService",
        classpath,
        [
            *("-Xms256m", "-Xmx1g", "-XX:MetaspaceSize=192m"),
            *java.busy(peak=True),
            *certificates.trusted_by_java(stage.sandbox.layout),
        ],
        [
            str(port),
            "--alsoStartLoopbackWorker",
            "--defaultEnvironmentType=EXTERNAL",
            f"--defaultEnvironmentConfig={loopback.HOST}:{port}",
            f"--project={endpoints['project']}",
            # Java steps read their options from here, not from the program that submits them.
            f"--bigQueryEndpoint=http://{endpoints['bigquery']}",
            "--credentialFactoryClass="
            "org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory",
        ],
    )


def _free_port() -> int:
    order = random.sample(range(ports.PORT_MIN, ports.PORT_MAX), 100)
    return next(port for port in order if ports.free(port))


def _wait_until_it_listens(workers: Program, port: int) -> None:
    deadline = time.monotonic() + _START_SEC
    while workers.running() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection((loopback.HOST, port), timeout=1).close()
            return
        time.sleep(0.2)
    raise HarnessError(f"the {workers.name} does not listen; its log ends:\n{tail(workers.log)}")

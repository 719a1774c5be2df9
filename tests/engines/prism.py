"""Prism, Beam's own streaming runner: it takes the path that Dataflow takes.

Kafka is read by the splittable read, records one by one, with metadata; Flink reads natively, in
frames. Prism and the Java workers are the test's own, Python workers come from the sandbox's pool.
Prism keeps nothing on disk: nothing can be killed here and resume.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.portable_runner import PortableRunner
from apache_beam.runners.runner import PipelineResult
from apache_beam.utils.subprocess_server import pick_port

from harness.e2e_run import E2ERun
from harness.programs import tail
from operations.reconcile.report import Report
from pipeline import configure, graph, runners
from pipeline.config import PipelineConfig
from pipeline.launch import java_parts, start
from sandbox import java
from sandbox.endpoints import kafka_flags
from sandbox.layout import EXPANSION_JARS, REPOSITORY
from templates.flink import pdeathsig
from tests.engines.engines import TIMEOUT_SEC, Engine

BINARY = REPOSITORY / ".tools/prism/prism"
_EXPANSION_SERVICE = "org.apache.beam.sdk.expansion.service.ExpansionService"
_END_TIMEOUT_SEC = 20


class Prism(Engine):
    """Prism on the sandbox's broker, stand-in and Python workers: reads until the test ends it."""

    name = "prism"

    def run(self, e2e_run: E2ERun) -> Report:
        with contextlib.ExitStack() as parts:
            logs = e2e_run.folder / "logs"
            job_endpoint = parts.enter_context(_prism(logs))
            expansion_service = parts.enter_context(_java_workers(logs))
            options = PipelineOptions(
                [
                    *_flags(e2e_run),
                    f"--job_endpoint={job_endpoint}",
                    f"--expansion_service={expansion_service}",
                ]
            )
            job = _submit(options)
            try:
                return e2e_run.reconcile(wait_sec=TIMEOUT_SEC)
            finally:
                job.cancel()


def _flags(e2e_run: E2ERun) -> list[str]:
    """Returns the flags of a job on Dataflow, but where the stand-in and the workers are."""
    endpoints = e2e_run.endpoints
    return [
        "--runner=DataflowRunner",
        f"--project={endpoints['project']}",
        "--region=none",
        "--temp_location=gs://none",
        "--sdk_container_image=none",
        *kafka_flags(endpoints),
        f"--kafka_topics={e2e_run.topic}",
        f"--bigquery_dataset={endpoints['project']}.{e2e_run.name}",
        f"--bigquery_endpoint={endpoints['bigquery']}",
        "--environment_type=EXTERNAL",
        f"--environment_config={endpoints['python_workers']}",
    ]


def _submit(options: PipelineOptions) -> PipelineResult:
    """Submits what pipeline/main.py would submit to Dataflow, but to Prism."""
    claim, config = start.claim(configure.from_options(options))
    config = start.prepare(config, claim, _complete)
    runners.apply_defaults(options, config.runner, config.job_name)
    root = beam.Pipeline(runner=PortableRunner(), options=options)
    graph.build(root, config)
    return root.run()


def _complete(config: PipelineConfig) -> None:
    raise AssertionError("nothing comes before a job on new tables")


@contextlib.contextmanager
def _prism(logs: Path) -> Iterator[str]:
    [port] = pick_port(None)
    command = [str(BINARY), f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
    with _running(command, logs / "prism.log", port):
        yield f"localhost:{port}"


@contextlib.contextmanager
def _java_workers(logs: Path) -> Iterator[str]:
    """Runs an expansion service for the splittable read, which is the pool of Java workers too.

    The sandbox's own expands to the native read, which Flink alone can run (docs/decisions/0004).
    """
    [port] = pick_port(None)
    command = java.command(
        _EXPANSION_SERVICE,
        [str(jar) for jar in java_parts.class_path(EXPANSION_JARS)],
        ["-Xmx1g", *java.busy(peak=False)],
        [
            str(port),
            "--alsoStartLoopbackWorker",
            "--defaultEnvironmentType=EXTERNAL",
            f"--defaultEnvironmentConfig=localhost:{port}",
        ],
    )
    with _running(command, logs / "prism-java-workers.log", port):
        yield f"localhost:{port}"


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, port: int) -> Iterator[None]:
    """Runs a program for the length of a with-block, from when it listens; it dies with us."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            pdeathsig.command(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_listens(process, log, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_TIMEOUT_SEC)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SEC
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
            return
        assert process.poll() is None, f"it ended at once; its log ends:\n{tail(log)}"
        assert time.monotonic() < deadline, f"it does not listen; its log ends:\n{tail(log)}"
        time.sleep(0.1)

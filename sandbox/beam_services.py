"""Beam's own services: job server, Java expansion service with its worker, Python worker pool."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sandbox import crash_reports, java
from sandbox.component import Component, Plan
from sandbox.layout import ENTRY_POINT, JAVA_HOME, PYTHON, REPOSITORY
from templates.flink.loopback import HOST

# A job starts in ten seconds, and within a minute on a machine with a lot else to do.
_PATIENCE_SEC = 90


def job_server(plan: Plan) -> Component:
    """Returns the server that takes portable pipelines and submits them to the Flink cluster."""
    environment = {
        "FLINK_MASTER": plan.address("flink-rest"),
        # The client side of a job reads some settings (checkpoint compression) from here.
        "FLINK_CONF_DIR": str(plan.layout.flink / "conf"),
        "JOB_SERVER_PORT": str(plan.ports["job-server"]),
        "ARTIFACT_PORT": str(plan.ports["job-artifacts"]),
        "ARTIFACTS_DIR": str(plan.layout.artifacts),
    }
    options = ["-Xms64m", "-Xmx512m", *java.QUIET]
    return _by_entry_point(plan, "job-server", "job-server", options, environment)


def expansion(plan: Plan) -> Component:
    """Returns the expansion service, which is also the pool of Java workers.

    Java stages read their options from here, not from the submitting Python program.
    """
    options = [
        "-Xms256m",
        "-Xmx1g",
        "-XX:MetaspaceSize=192m",  # as on TaskManagers
        *java.busy(plan.peak),
    ]
    environment = {
        "PROJECT": plan.project,
        "JAVA_WORKERS_PORT": str(plan.ports["expansion"]),
    }
    return _by_entry_point(plan, "expansion", "java-workers", options, environment)


def _by_entry_point(
    plan: Plan,
    name: str,
    role: str,
    options: Sequence[str],
    environment: Mapping[str, str],
) -> Component:
    """Returns what the images start for this role, with the sandbox's places and sizes."""
    # As Java reads an @argfile: quoted, a backslash doubled, as JSON has it.
    options = [*java.ALWAYS, crash_reports.option(plan.layout), *options]
    quoted = "\n".join(json.dumps(option) for option in options)
    options_file = plan.write(plan.layout.root / "run" / f"{name}.java-options", quoted + "\n")
    environment = {
        "HOST": HOST,
        "JAVA_HOME": str(JAVA_HOME),
        "JAVA_CLASS_PATH": ":".join(java.beam_classpath(plan.layout)),
        "JAVA_OPTIONS_FILE": str(options_file),
        **environment,
    }
    return Component(name, ["bash", str(ENTRY_POINT), role], environment)


def python_workers(plan: Plan) -> Component:
    """Returns the pool that starts a Python worker whenever a TaskManager asks for one."""
    environment = {
        "PYTHON": str(PYTHON),
        "PYTHON_WORKERS_PORT": str(plan.ports["python-workers"]),
        "SCRATCH": str(plan.layout.root),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",  # Google's libraries print 8 lines per worker
    }
    command = ["bash", str(ENTRY_POINT), "python-workers"]
    return Component("python-workers", command, environment)


def watchdog(plan: Plan) -> Component:
    """Returns what frees a job from waiting for a worker that will never come."""
    arguments = ["--flink", plan.address("flink-rest"), "--dir", str(plan.layout.root)]
    arguments += ["--patience_sec", str(_PATIENCE_SEC)]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    return Component("watchdog", [str(PYTHON), "-m", "sandbox.watchdog", *arguments], environment)

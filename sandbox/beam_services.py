"""Beam's own services: job server, Java expansion service with its worker, Python worker pool."""

from __future__ import annotations

from sandbox import java
from sandbox.certificates import STORE_PASSWORD
from sandbox.component import Component, Plan
from sandbox.layout import PYTHON, REPOSITORY
from sandbox.ports import HOST

# A job starts in ten seconds, and within a minute on a machine with a lot else to do.
_PATIENCE_SEC = 90


def job_server(plan: Plan) -> Component:
    """Returns the server that takes portable pipelines and submits them to the Flink cluster."""
    arguments = [
        f"--flink-master={plan.address('flink-rest')}",
        # The client side of a job reads some settings (checkpoint compression) from here.
        f"--flink-conf-dir={plan.layout.flink / 'conf'}",
        f"--job-host={HOST}",
        f"--job-port={plan.ports['job-server']}",
        f"--artifact-port={plan.ports['job-artifacts']}",
        "--expansion-port=0",
        f"--artifacts-dir={plan.layout.artifacts}",
    ]
    main_class = "org.apache.beam.runners.flink.FlinkJobServerDriver"
    options = ("-Xms64m", "-Xmx512m", *java.QUIET)
    return Component(
        "job-server", java.command(main_class, java.beam_classpath(plan.layout), options, arguments)
    )


def expansion(plan: Plan) -> Component:
    """Returns the expansion service, which is also the pool of Java workers.

    Java stages read their options from here, not from the submitting Python program: where
    BigQuery is, which project pays, and that no credentials are wanted.
    """
    bigquery = plan.address("bigquery")
    arguments = [
        str(plan.ports["expansion"]),
        # A native Flink source: the splittable read's watermark never moves on Flink.
        "--experiments=use_deprecated_read",
        "--alsoStartLoopbackWorker",
        "--defaultEnvironmentType=EXTERNAL",
        f"--defaultEnvironmentConfig={plan.address('expansion')}",
        f"--bigQueryEndpoint=http://{bigquery}",
        "--credentialFactoryClass=org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory",
        f"--project={plan.project}",
    ]
    options = [
        "-Xms256m",
        "-Xmx1g",
        "-XX:MetaspaceSize=192m",  # as on TaskManagers
        *java.busy(plan.peak),
        f"-Djavax.net.ssl.trustStore={plan.layout.truststore}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        # Without it Java skips the certificate silently and every handshake fails.
        f"-Djavax.net.ssl.trustStorePassword={STORE_PASSWORD}",
    ]
    main_class = "org.apache.beam.sdk.expansion.service.ExpansionService"
    return Component(
        "expansion", java.command(main_class, java.beam_classpath(plan.layout), options, arguments)
    )


def python_workers(plan: Plan) -> Component:
    """Returns the pool that starts a Python worker whenever a TaskManager asks for one."""
    arguments = ["--port", str(plan.ports["python-workers"]), "--scratch", str(plan.layout.root)]
    environment = {
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",  # Google's libraries print 8 lines per worker
    }
    command = [str(PYTHON), "-m", "sandbox.worker_pool", *arguments]
    return Component("python-workers", command, environment)


def watchdog(plan: Plan) -> Component:
    """Returns what frees a job from waiting for a worker that will never come."""
    arguments = ["--rest_port", str(plan.ports["flink-rest"]), "--dir", str(plan.layout.root)]
    arguments += ["--patience_sec", str(_PATIENCE_SEC)]
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    return Component("watchdog", [str(PYTHON), "-m", "sandbox.watchdog", *arguments], environment)

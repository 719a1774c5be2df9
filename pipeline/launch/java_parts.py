"""Starts an expansion service from the pinned jars where no service runs.

Beam would download jars of its own choice at every launch. Ours are those that everything else is
tested with, and a launcher without a way out needs nothing else.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from apache_beam.transforms.external import ExpansionAndArtifactRetrievalStub
from apache_beam.utils.subprocess_server import JavaHelper, SubprocessServer, pick_port

_MAIN = "org.apache.beam.sdk.expansion.service.ExpansionService"
# The service itself, and our own classes, which Kafka's consumer runs.
_NEEDED = ("beam-sdks-java-expansion-service", "payments-kafka")
# Flink's own half of the folder, a third of its bytes, which Dataflow's workers would fetch for
# nothing at every start.
_NOT_FOR_WORKERS = ("flink-", "beam-runners-flink", "frocksdbjni", "beam-runners-java-job-service")
# Java is ready within seconds, on a busy machine within half a minute.
START_SEC = 120.0


class NoJavaParts(RuntimeError):
    """No expansion service can be started; the message says what is missing, and a hint."""


def class_path(folder: Path) -> list[Path]:
    """Returns the jars that Dataflow's Java workers need, in the same order everywhere.

    Raises:
        NoJavaParts: the folder holds no expansion service, or no classes of ours.
    """
    jars = sorted(jar for jar in folder.glob("*.jar") if not jar.name.startswith(_NOT_FOR_WORKERS))
    for needed in _NEEDED:
        if not any(jar.name.startswith(needed) for jar in jars):
            raise NoJavaParts(
                f"--java_parts must be a folder of jars with {needed}, got {folder} with "
                f"{len(jars)} jars. Hint: `make setup` makes .tools/jars/expansion."
            )
    return jars


@contextlib.contextmanager
def expansion_service(folder: Path) -> Iterator[str]:
    """Runs an expansion service for the length of a with-block; yields its host:port.

    Raises:
        NoJavaParts: a jar or Java is missing, or it does not start.
    """
    java = JavaHelper.get_java()
    if shutil.which(java) is None:
        raise NoJavaParts(
            f"Java 17 is required to expand the Java transforms, {java} was not found. Hint: set "
            "JAVA_HOME."
        )
    jars = ":".join(str(jar) for jar in class_path(folder))
    [port] = pick_port(None)
    service = SubprocessServer(
        ExpansionAndArtifactRetrievalStub, [java, "-cp", jars, _MAIN, port], port
    )
    _start(service, folder)
    try:
        yield f"localhost:{port}"
    finally:
        service.stop()


def _start(service: SubprocessServer, folder: Path) -> None:
    # In a thread, for it waits as long as the process lives, ready or not.
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        try:
            threads.submit(service.start).result(START_SEC)
        except TimeoutError:
            service.stop()  # ends the process, and with it the wait
            raise NoJavaParts(
                f"the expansion service of {folder} was not ready after {START_SEC:g} s"
            ) from None
        except RuntimeError as error:
            raise NoJavaParts(f"the expansion service of {folder} did not start: {error}") from None

"""Installs and runs other engines with their registries' own clients, and counts their CPU."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness import programs
from harness.errors import HarnessError
from sandbox.layout import JAVA_HOME, REPOSITORY

PEERS = REPOSITORY / ".tools/peers"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_RUN_SEC = 1_800


def install(home: Path, made_of: str, commands: Sequence[Sequence[str]]) -> None:
    """Installs a peer in its folder, unless it is there already, made of the same.

    Args:
        made_of: everything that decides what the commands install.
        commands: run one after the other, in a folder that holds nothing but `classes`.

    Raises:
        HarnessError: one failed.
    """
    mark = home / "made_of"
    if mark.exists() and mark.read_text() == made_of:
        return
    shutil.rmtree(home, ignore_errors=True)
    (home / "classes").mkdir(parents=True)
    log = PEERS / f"{home.name}.log"
    for command in commands:
        with log.open("ab") as output:
            code = subprocess.call(
                command,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "JAVA_HOME": str(JAVA_HOME.resolve())},
            )
        if code:
            raise HarnessError(f"{home.name} could not be installed:\n{programs.tail(log)}")
    mark.write_text(made_of)


def install_java(home: Path, job: Path) -> None:
    """Installs a peer in Java: what the pom of its folder names, and the classes of its sources.

    Raises:
        HarnessError: Maven or the compiler failed.
    """
    pom, sources = job / "pom.xml", sorted((job / "src").glob("*.java"))
    jars, classes = str(home / "jars"), str(home / "classes")
    install(
        home,
        "".join(file.read_text() for file in (pom, *sources)),
        [
            [
                *("mvn", "--batch-mode", "--quiet", "-f", str(pom)),
                f"{DEPENDENCY_PLUGIN}:copy-dependencies",
                *(f"-DoutputDirectory={jars}", "-DincludeScope=runtime"),
            ],
            [
                *(str(JAVA_HOME / "bin/javac"), "-cp", f"{jars}/*", "-d", classes),
                *map(str, sources),
            ],
        ],
    )


def run(
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    meanwhile: Callable[[], None] = lambda: None,
) -> float:
    """Runs a peer to its end; returns its CPU seconds, with those of all that it waited for.

    Args:
        meanwhile: called several times a second while it runs.

    Raises:
        HarnessError: it failed; with its log's end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began_at = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "JAVA_HOME": str(JAVA_HOME.resolve()), **environment},
        )
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        if time.monotonic() - began_at > _RUN_SEC:
            process.kill()
            raise HarnessError(f"{command[0]} did not end within {_RUN_SEC} s")
        meanwhile()
        time.sleep(0.2)
    _, status, resources = ended
    if os.waitstatus_to_exitcode(status):
        raise HarnessError(f"{command[0]} failed; its log ends:\n{programs.tail(log)}")
    return float(resources.ru_utime + resources.ru_stime)

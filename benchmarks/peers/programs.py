"""How is another engine installed and run? With the registries' own clients, and CPU counted."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness import programs
from harness.errors import HarnessError
from sandbox.layout import JAVA_HOME, REPOSITORY

PEERS = REPOSITORY / ".tools/peers"
DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
_RUN_SEC = 1_800


class Run(NamedTuple):
    """What a program used: seconds by the clock, and of CPU with all that it waited for."""

    wall_sec: float
    cpu_sec: float


def install(name: str, commands: Sequence[Sequence[str]]) -> None:
    """Runs the commands that install a peer; raises HarnessError when one fails."""
    PEERS.mkdir(parents=True, exist_ok=True)
    log = PEERS / f"{name}.log"
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
            raise HarnessError(f"{name} could not be installed:\n{programs.tail(log)}")


def run(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Run:
    """Runs a peer to its end; raises HarnessError, with its log's end, when it fails."""
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
        time.sleep(0.2)
    _, status, resources = ended
    if os.waitstatus_to_exitcode(status):
        raise HarnessError(f"{command[0]} failed; its log ends:\n{programs.tail(log)}")
    return Run(time.monotonic() - began_at, resources.ru_utime + resources.ru_stime)

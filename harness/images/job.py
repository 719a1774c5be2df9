"""The sandbox's job, run from the images' own files: through two kills, then reconciled.

`make images` runs it in a network and a process table of its own: what listens there is reached by
nobody else, and nothing outlives it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness import programs, waits
from harness.demo import USUAL_MIX
from harness.e2e_run import E2ERun
from harness.errors import HarnessError
from harness.exit_codes import exit_code
from harness.images.buildah import Buildah
from harness.images.container import Container
from harness.images.images import FLINK, SIMULATOR, WORKERS
from harness.images.pods import PORTS, Pods, Roots
from harness.programs import Program
from sandbox.endpoints import Endpoints
from sandbox.sandbox import Sandbox

_RATE_PER_SEC = 500
_DURATION_SEC = 60
_KILLED = ("python-workers", "taskmanager-1")
_START_SEC = 120
_RECOVERY_SEC = 240
_TOOL_SEC = 300
_RESULT = "reconciled: "


class Outcome(NamedTuple):
    """How the run ended."""

    verdict: str
    balanced: bool
    seconds: float
    recovery_sec: dict[str, float]


class JobFromImages:
    """One run: a topic, tables and traffic of its own on a sandbox with the images' parts."""

    def __init__(self, pods: Pods, sandbox: Sandbox, folder: Path) -> None:
        self._pods = pods
        self._sandbox = sandbox
        self._folder = folder
        self._endpoints = sandbox.endpoints()
        self._run = E2ERun("images", self._endpoints, folder)

    def run(self) -> Outcome:
        """Makes tables, sends, submits, kills, and has it all compared."""
        started_at = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o1777)  # the simulator's user writes the ledger there
        self._run.create_topic()
        self._tool("tables", "create")
        simulator = self._simulate()
        try:
            job = self._submit()
            recovery_sec = {name: self._kill(name, job) for name in _KILLED}
            simulator.wait(_DURATION_SEC + _TOOL_SEC)
        finally:
            simulator.stop()
        verdict = self._reconcile()
        self._tool("health", "--wait_sec=60")
        self._run.flink.cancel(job)
        return Outcome(
            verdict=verdict,
            balanced=verdict.startswith(_RESULT),
            seconds=round(time.monotonic() - started_at, 1),
            recovery_sec=recovery_sec,
        )

    def _simulate(self) -> Program:
        _say(f"simulator: {_RATE_PER_SEC} records/s for {_DURATION_SEC} s")
        flags = [
            f"--ledger={self._run.ledger}",
            f"--rate_per_sec={_RATE_PER_SEC}",
            f"--duration_sec={_DURATION_SEC}",
            *USUAL_MIX,
        ]
        return self._start("simulator", self._pods.simulator(), flags)

    def _submit(self) -> str:
        before = set(self._run.flink.live_jobs())
        self._tool("submit")
        deadline = time.monotonic() + _START_SEC
        while not (new := set(self._run.flink.live_jobs()) - before):
            if time.monotonic() > deadline:
                raise HarnessError(f"no Flink job came of the role submit; {self._logs()}")
            time.sleep(0.5)
        job = new.pop()
        self._run.flink.wait_for_checkpoint(job, _RECOVERY_SEC)
        return job

    def _kill(self, name: str, job: str) -> float:
        waits.wait_for_rows(self._run, job, _RECOVERY_SEC)
        pid = self._sandbox.kill(name)
        killed_at = time.monotonic()
        _say(f"KILLED {name} (process {pid}) with SIGKILL")
        # Its death is noticed some seconds later: until then all tasks seem to run.
        time.sleep(2)
        self._run.flink.wait_for_checkpoint(job, _RECOVERY_SEC)
        recovery_sec = round(time.monotonic() - killed_at, 1)
        _say(f"a checkpoint has completed {recovery_sec} s later")
        return recovery_sec

    def _reconcile(self) -> str:
        """Returns the last line that `reconcile` of the image says."""
        flags = [f"--ledger={self._run.ledger}", "--wait_sec=180"]
        program = self._start("reconcile", self._pods.tool("submit"), ["reconcile", *flags])
        if program.process.wait(_TOOL_SEC) not in (0, 1):
            program.wait(0)  # tells why
        return program.log.read_text().strip().splitlines()[-1]

    def _tool(self, role: str, *flags: str) -> Path:
        """Runs a role of the workers' image to its end; returns its log."""
        began_at = time.monotonic()
        # The role `submit` shares its pod with the job server, whose artifacts lie in their /tmp.
        program = self._start(role, self._pods.tool("submit"), [role, *flags])
        program.wait(_TOOL_SEC)
        _say(f"{role} ended well after {time.monotonic() - began_at:.1f} s")
        return program.log

    def _start(self, name: str, container: Container, arguments: list[str]) -> Program:
        environment = settings(self._run, self._endpoints)
        command = container.command(arguments, environment)
        return programs.start_command(name, command, self._folder / "logs" / f"{name}.log")

    def _logs(self) -> str:
        return f"see {self._endpoints['logs']}"


def settings(run: E2ERun, endpoints: Endpoints) -> dict[str, str]:
    """Returns what deploy/k8s has in the ConfigMap payments-settings, and where the stand-in is."""
    return {
        "PAYMENTS_KAFKA_BOOTSTRAP_SERVERS": endpoints["kafka"],
        "PAYMENTS_KAFKA_TOPICS": run.topic,
        "PAYMENTS_BIGQUERY_DATASET": f"{endpoints['project']}.{run.name}",
        "PAYMENTS_BIGQUERY_ENDPOINT": endpoints["bigquery"],
        "PAYMENTS_FLINK": endpoints["flink_rest"],
        "PAYMENTS_PARALLELISM": "2",
    }


@contextlib.contextmanager
def _roots(buildah: Buildah) -> Iterator[Roots]:
    with contextlib.ExitStack() as stack:
        flink, workers, simulator = (
            (stack.enter_context(buildah.root(tag)), buildah.settings(tag))
            for tag in (FLINK, WORKERS, SIMULATOR)
        )
        yield Roots(*flink, *workers, *simulator)


def _outcome(folder: Path) -> Outcome:
    with _roots(Buildah(folder / "store", folder / "logs/buildah.log")) as roots:
        pods = Pods(roots, folder / "sandbox", folder / "tmp")
        sandbox = Sandbox(folder / "sandbox", parts=pods.parts)
        sandbox.down(wipe=True)
        sandbox.up(_say, PORTS)
        try:
            return JobFromImages(pods, sandbox, folder / "sandbox/images").run()
        finally:
            sandbox.down()


def _run(arguments: argparse.Namespace) -> int:
    outcome = _outcome(arguments.dir)
    arguments.result.write_text(json.dumps(outcome._asdict(), indent=2) + "\n")
    return 0 if outcome.balanced else 1


def main() -> int:
    """Runs it; the result is a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="the folder of the images")
    parser.add_argument("--result", type=Path, required=True, help="a file for the outcome")
    arguments = parser.parse_args()
    return exit_code(lambda: _run(arguments))


def _say(text: str) -> None:
    print(f"images: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

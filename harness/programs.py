"""Runs the project's own programs as a user would: `python -m …`, each with a log."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from payments import sources

_REPOSITORY = Path(__file__).resolve().parents[1]
_LOG_LINES = 20


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that runs beside us, writing to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, timeout_sec: float) -> None:
        """Returns when it ended well; raises HarnessError, with the log's end, when it did not."""
        try:
            code = self.process.wait(timeout_sec)
        except subprocess.TimeoutExpired:
            self.stop()
            raise HarnessError(
                f"{self.name} did not end within {timeout_sec:.0f} s; its log ends:\n"
                + tail(self.log)
            ) from None
        if code != 0:
            raise HarnessError(f"{self.name} ended with {code}; its log ends:\n{tail(self.log)}")

    def running(self) -> bool:
        """Tells whether it has not ended yet."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends it, politely first."""
        if self.running():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start(module: str, arguments: Sequence[str], log: Path) -> Program:
    """Starts `python -m module` in the repository, with what its flags say and no other setting."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=_REPOSITORY,
            env=sources.without_settings(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Program(f"python -m {module}", process, log)


def tail(log: Path) -> str:
    """Returns the last lines of a log."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])

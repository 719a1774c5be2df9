"""A shell that stays, so that what one command of a page sets the next one finds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_END = "\x1eended "


class Shell:
    """A bash in the repository, as after README's `export PATH`.

    Args:
        environment: variables besides those of the tests.
        timeout_sec: for each command.
    """

    def __init__(
        self, environment: Mapping[str, str] | None = None, timeout_sec: float = 300
    ) -> None:
        self._timeout_sec = timeout_sec
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=REPOSITORY,
            env=_environment() | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[str, int]:
        """Runs a command, which hears nothing; returns all that it said, and its exit code."""
        assert self._process.stdin and self._process.stdout
        timer = threading.Timer(self._timeout_sec, self.close)
        timer.start()
        try:
            script = f"{{ {command}\n}} < /dev/null\nprintf '\\n{_END}%d\\n' $?\n"
            self._process.stdin.write(script)
            self._process.stdin.flush()
            said: list[str] = []
            for line in self._process.stdout:
                if line.startswith(_END):
                    return "".join(said).removesuffix("\n"), int(line.removeprefix(_END))
                said.append(line)
        finally:
            timer.cancel()
        raise AssertionError(f"{command}\nended the shell, or took too long:\n{''.join(said)}")

    def close(self) -> None:
        """Ends it with all that it has started in the background."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _environment() -> dict[str, str]:
    """Returns what a reader's commands find. PYTHONPATH: this checkout, whatever is installed."""
    return os.environ | {
        "PATH": f"{REPOSITORY / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",  # what is said on both outputs stays in its order
        "TERM": "dumb",
    }


@contextlib.contextmanager
def opened(
    environment: Mapping[str, str] | None = None, timeout_sec: float = 300
) -> Iterator[Shell]:
    """Opens a shell, and ends it."""
    shell = Shell(environment, timeout_sec)
    try:
        yield shell
    finally:
        shell.close()

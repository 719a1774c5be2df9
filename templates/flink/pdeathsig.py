"""Ties a process's life to its parent's, so that a killed supervisor leaves no orphans."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def command(argv: Sequence[str]) -> list[str]:
    """Returns `argv` such that the kernel kills it when the process that started it ends."""
    if shutil.which("setpriv"):
        return ["setpriv", "--pdeathsig", "KILL", "--", *argv]
    return [sys.executable, "-m", "templates.flink.pdeathsig", *argv]


def main() -> None:
    """Does what setpriv does, where util-linux is older than 2.33 or missing."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()

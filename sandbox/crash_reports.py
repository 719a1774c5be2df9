"""Collects what a crashed process leaves behind: Java's report of a fatal error, and core files.

A process that is killed leaves none, so each is a fault of its own, in native code or in Java.
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from sandbox.layout import REPOSITORY, Layout

_REPORT = "hs_err_pid*.log"
_CORES = ("core", "core.[0-9]*")
_FRAME = "# Problematic frame:"
_SIGNAL = re.compile(r"#\s+(SIG\w+ |Internal Error|Out of Memory|There is insufficient memory)")


def option(layout: Layout) -> str:
    """Returns the option of Java that has its reports lie beside the logs."""
    folder = str(layout.logs).replace("%", "%%")  # Java reads %p
    return f"-XX:ErrorFile={folder}/hs_err_pid%p.log"


def found(layout: Layout) -> set[Path]:
    """Returns every report and core file, of processes that ran long ago too.

    The folder in which all components are started is looked at as well: there Java writes to if it
    must, and the kernel if it is set to.
    """
    folders = (layout.logs, layout.root, REPOSITORY)
    patterns = (_REPORT, *_CORES)
    files = (file for folder in folders for each in patterns for file in folder.glob(each))
    return {file for file in files if file.is_file()}


def headline(report: Path) -> str:
    """Returns the file and what it says of the crash, in one line."""
    lines = report.read_text(errors="replace").splitlines() if report.suffix == ".log" else []
    signals = [line.lstrip("# ") for line in lines if _SIGNAL.match(line)]
    frames = [
        after.lstrip("# ") for line, after in itertools.pairwise(lines) if line.startswith(_FRAME)
    ]
    return ": ".join([str(report), *signals[:1], *frames[:1]])


class Crashes:
    """The crashes since it was made: a folder may hold reports of earlier sandboxes."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._before = found(layout)
        self._told: set[Path] = set()

    def new(self) -> list[str]:
        """Returns a line for each that was not told yet."""
        fresh = found(self._layout) - self._before - self._told
        self._told |= fresh
        return [headline(report) for report in sorted(fresh)]

    def all(self) -> list[str]:
        """Returns a line for each."""
        return [headline(report) for report in sorted(found(self._layout) - self._before)]

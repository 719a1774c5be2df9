"""Finds what made a job fail in a stack trace of Flink's: the cause, in one line."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from transforms.payment.ends_job import MARK, without_mark

# A hint of ours is within; a hostile payload in a message must not fill a terminal.
_CAUSE_CHARS_MAX = 1_200
_WHILE_RUNNING = re.compile(r"\s*\[while running .*", re.DOTALL)
# The last line of a Python traceback, or the head of a Java exception: its class, and what it says.
_ERROR = re.compile(r"^(?:[A-Za-z_$][\w$]*\.)*(_?[A-Z][\w$]*)(?::\s+(.*))?$")
_PYTHON = "Traceback (most recent call last)"
_CAUSED_BY = "Caused by: "


class Failure(NamedTuple):
    """One failure of a job.

    Attributes:
        at: when Flink noticed.
        cause: one line.
        stack: all that Flink says of it.
    """

    at: dt.datetime
    cause: str
    stack: str = ""

    @property
    def age_sec(self) -> float:
        """Returns how long ago it was."""
        return (dt.datetime.now(dt.UTC) - self.at).total_seconds()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC: {self.cause}"


def cause_of(stack: str) -> str:
    """Returns the cause in one line, `Class: message`, as far as it can be told.

    Python's error comes first where there is one, for what Java says around it is how it travelled.
    """
    lines = stack.splitlines()
    found = _ours(lines) or _pythons(lines) or _javas(lines)
    text = " ".join(without_mark(_WHILE_RUNNING.sub("", found)).split())
    return text if len(text) <= _CAUSE_CHARS_MAX else f"{text[:_CAUSE_CHARS_MAX]}…"


def _ours(lines: list[str]) -> str | None:
    """Returns the line of an error that ends the job on purpose."""
    return next((_short(_last_error_in(line)) for line in lines if MARK in line), None)


def _last_error_in(line: str) -> str:
    """Returns what follows the wrappers that Java put before it on the same line."""
    found = re.search(r"(?:[a-z_]\w*\.)+([A-Z]\w*): (?!.*(?:[a-z_]\w*\.){2,}[A-Z]\w*: )", line)
    return line[found.start() :] if found else line


def _pythons(lines: list[str]) -> str | None:
    """Returns the last line of the last traceback of Python's."""
    starts = [number for number, line in enumerate(lines) if _PYTHON in line]
    if not starts:
        return None
    for line in lines[starts[-1] + 1 :]:
        if line and not line[0].isspace() and _ERROR.match(line):
            return _short(line)
    return None


def _javas(lines: list[str]) -> str:
    """Returns what the innermost exception of Java's says."""
    causes = [line for line in lines if line.startswith(_CAUSED_BY)]
    head = causes[-1].removeprefix(_CAUSED_BY) if causes else next(iter(lines), "")
    return _short(head)


def _short(line: str) -> str:
    """Returns an error without the package of its class."""
    match = _ERROR.match(line.strip())
    if match is None:
        return line.strip()
    name, message = match[1].rpartition("$")[2], match[2]  # of a class within another
    return f"{name}: {message}" if message else name

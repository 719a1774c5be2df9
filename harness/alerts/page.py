"""The runbook's page of an alert: the two commands that tell whether it is real, and their codes.

    **Is it real?**

    ```
    payments health
    payments job show --job_id=ID
    ```

    Exit codes when it is: 1; 0.

Where a command may end with either of two, the page says `0 or 1`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.errors import HarnessError

FOLDER = Path(__file__).resolve().parents[2] / "docs/runbook"
_PART = re.compile(
    r"^\*\*Is it real\?\*\*\n\n"
    r"```\n(?P<commands>.*?)^```\n\n"
    r"Exit codes when it is: (?P<codes>[^.]*)\.$",
    re.MULTILINE | re.DOTALL,
)
_CODE = re.compile(r"[0-9]+( or [0-9]+)*")


class Step(NamedTuple):
    """A command of the page, and the exit codes that it may have under the fault."""

    command: str
    codes: frozenset[int]


def steps(alert: str, folder: Path = FOLDER) -> list[Step]:
    """Returns the steps of the page of an alert.

    Raises:
        HarnessError: the page has no such part, or not a code for each command.
    """
    page = folder / f"{alert}.md"
    part = _PART.search(page.read_text())
    if part is None:
        raise HarnessError(f"{page.name}: required `Exit codes when it is: 1; 0.` below the block")
    commands = part["commands"].splitlines()
    codes = part["codes"].split("; ")
    if len(codes) != len(commands) or not all(map(_CODE.fullmatch, codes)):
        raise HarnessError(f"{page.name}: {len(commands)} commands, exit codes {part['codes']!r}")
    return [
        Step(command, frozenset(map(int, code.split(" or "))))
        for command, code in zip(commands, codes, strict=True)
    ]


def filled_in(command: str, words: Mapping[str, str]) -> Sequence[str]:
    """Returns the command's arguments behind `payments`, what is in capitals filled in."""
    pattern = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in words))
    program, *arguments = command.split()
    if program != "payments":
        raise HarnessError(f"a page's command begins with `payments`, received: {command}")
    return [pattern.sub(lambda found: words[found[0]], argument) for argument in arguments]

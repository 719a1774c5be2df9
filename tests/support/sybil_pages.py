"""Runs the pages of docs/ as a reader would: commands in a shell, Python in one namespace.

What a fenced block says of itself is explained in CONTRIBUTING.md, "Pages that are run".
"""

from __future__ import annotations

import dataclasses
import doctest
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from sybil import Document, Example, Region
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from tests.support.shell import Shell

SANDBOX = "sandbox"
ELSEWHERE = "elsewhere"
_WHERE = ("", SANDBOX, ELSEWHERE)
_CONSOLE = RawFencedCodeBlockLexer(re.compile(r"console(?P<where>[^\n]*)$\n", re.MULTILINE))
_EXIT_CODE = re.compile(r"\(exit code (\d+)\)$")
_PROMPT = "$ "


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of a page, and what a reader is told to see.

    Attributes:
        text: as it is typed, continued lines included.
        shown: the last lines of its output; … stands for anything, none for any output.
        exit_code: what it must end with.
    """

    text: str
    shown: tuple[str, ...] = ()
    exit_code: int = 0

    def fault(self, output: str, exit_code: int) -> str | None:
        """Returns what differs from what the page shows, None if nothing does."""
        if exit_code != self.exit_code:
            return f"{self.text}\nended with {exit_code}, not {self.exit_code}:\n{output}"
        if self.shown and not _pattern(self.shown).search(_plain(output.splitlines())):
            shown = "\n".join(self.shown)
            return f"{self.text}\nits last lines are not\n{shown}\nbut\n{output}"
        return None


def _plain(lines: Iterable[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).rstrip("\n")


def _pattern(shown: Iterable[str]) -> re.Pattern[str]:
    """Returns what the end of an output must match."""
    parts = []
    for line in _plain(shown).splitlines():
        if line == "…":
            parts.append("(?:.*\n)*?")
        else:
            parts.append(".*".join(map(re.escape, line.split("…"))) + "\n")
    return re.compile("(?:^|(?<=\n))" + "".join(parts).removesuffix("\n") + r"\Z")


def commands(source: str) -> list[Command]:
    """Returns the commands of a block.

    With prompts, the lines below a command are what it shows; without, each line is a command.
    """
    lines = source.strip("\n").splitlines()
    prompts = any(line.startswith(_PROMPT) for line in lines)
    found: list[tuple[str, list[str]]] = []
    continued = False
    for line in lines:
        if continued:
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        elif line.startswith(_PROMPT) or (not prompts and line.strip()):
            found.append((line.removeprefix(_PROMPT), []))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            raise ValueError(f"a block begins with a command, not with {line!r}")
        continued = line.endswith("\\") and (continued or not found[-1][1])
    return [_command(text, shown) for text, shown in found]


def _command(text: str, shown: list[str]) -> Command:
    while shown and not shown[-1].strip():
        shown.pop()
    code = _EXIT_CODE.match(shown[-1]) if shown else None
    if code:
        return Command(text, tuple(shown[:-1]), int(code[1]))
    return Command(text, tuple(shown))


class _Console:
    """Finds the blocks of commands; `evaluate` runs one in the shell of its page."""

    def __call__(self, document: Document) -> Iterable[Region]:
        for region in _CONSOLE(document):
            where = region.lexemes["where"].strip()
            if where not in _WHERE:
                raise ValueError(f"{document.path}: a block is of `console {where}`")
            region.parsed = (where, commands(region.lexemes["source"]))
            region.evaluator = self.evaluate
            yield region

    def evaluate(self, example: Example) -> str | None:
        where, listed = example.parsed
        if where == ELSEWHERE:
            return None
        shell: Shell = example.namespace["shell"]
        for command in listed:
            fault = command.fault(*shell.run(command.text))
            if fault:
                return fault
        return None


class Page:
    """A page, with its blocks that are run, in their order."""

    def __init__(self, path: Path) -> None:
        parsers = [_Console(), PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)]
        self.document = Document.parse(str(path), *parsers)
        self.examples = list(self.document.examples())

    @property
    def blocks(self) -> list[tuple[str, list[Command]]]:
        """Returns where each block of commands is run, and its commands."""
        return [each.parsed for each in self.examples if isinstance(each.parsed, tuple)]

    @property
    def runs(self) -> bool:
        """Returns whether anything of it is run."""
        return any(
            not isinstance(each.parsed, tuple) or each.parsed[0] != ELSEWHERE
            for each in self.examples
        )

    @property
    def needs_sandbox(self) -> bool:
        """Returns whether it is run on the sandbox; then all of it is, in order."""
        return any(where == SANDBOX for where, _ in self.blocks)

    def run(self, shell: Shell) -> None:
        """Runs every block in order; raises SybilFailure at the first that differs."""
        self.document.namespace["shell"] = shell
        for example in self.examples:
            example.evaluate()


def words(command: Command) -> list[str]:
    """Returns the words of a command; what a shell does around it are words of their own."""
    text = command.text.replace("\\\n", " ")
    return list(shlex.shlex(text, posix=True, punctuation_chars=True))

"""The diagrams of the pages, and the names that they use."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.prose import Repository

_BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"\b(?:[A-Z][a-z]+){2,}\b")
_SNAKE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
# A cylinder is a store: Kafka, a table, or what an outcome's line leads to.
_CYLINDER = re.compile(r"\[\(\"?(.*?)\"?\)\]")
_OUTCOME = re.compile(r"[\[({]+\"?([^\"\])}<]+)[^\n]*?:::outcome\b")
_COMMENT = re.compile(r"^\s*%%.*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Diagram:
    """A diagram of a page.

    Attributes:
        name: of the page and its number there.
    """

    name: str
    text: str

    def unknown(self, steps: Iterable[str], words: Iterable[str]) -> list[str]:
        """Returns what it names and the system does not have.

        Args:
            steps: names in CamelCase: steps and their parts, and what belongs to others.
            words: names_with_underscores: tables, outcomes, columns, states.
        """
        drawn = _COMMENT.sub("", self.text).partition("\n")[2]
        named = set(_STEP.findall(drawn)) - set(steps)
        named |= set(_SNAKE.findall(drawn)) - set(words)
        return sorted(named)

    def stores(self) -> set[str]:
        """Returns what is drawn as a cylinder, without what stands below its name."""
        return {found.partition("<br")[0] for found in _CYLINDER.findall(self.text)}

    def outcomes(self) -> set[str]:
        """Returns what is drawn as an outcome, without what stands below its name."""
        return {found.strip() for found in _OUTCOME.findall(self.text)}


def of(path: str, text: str) -> Iterator[Diagram]:
    """Yields the diagrams of a page."""
    for number, found in enumerate(_BLOCK.findall(text), 1):
        yield Diagram(f"{Path(path).stem}-{number}", found)


def all_of(root: Path) -> list[Diagram]:
    """Returns the diagrams of all pages."""
    return [each for page in Repository(root).texts(".md") for each in of(page.path, page.text)]

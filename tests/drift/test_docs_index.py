"""docs/README.md lists every page, and says where ten questions are answered."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
INDEX = (DOCS / "README.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


def missing(names: set[str], index: str) -> set[str]:
    """Returns pages that the last part of the index does not link."""
    return names - set(_LINK.findall(index.partition("## All pages")[2]))


def unanswered(index: str) -> list[str]:
    """Returns the numbers of questions without a place that answers them."""
    rows = re.findall(r"^\| (\d+) \| [^|]+\? \| (.*) \|$", index, re.MULTILINE)
    answered = {number for number, answer in rows if _LINK.search(answer)}
    return [str(number) for number in range(1, 11) if str(number) not in answered]


def test_every_page_is_listed() -> None:
    names = {page.name for page in DOCS.glob("*.md")} - {"README.md"}

    assert missing(names, INDEX) == set()


def test_ten_questions_are_answered() -> None:
    assert unanswered(INDEX) == []


def test_control_a_page_and_an_answer_that_are_missing_are_found() -> None:
    index = "| 1 | Why? | [a](a.md) |\n| 2 | How? | by magic |\n## All pages\n| [a](a.md#b) |"

    assert missing({"a.md", "b.md"}, index) == {"b.md"}
    assert unanswered(index) == [str(number) for number in range(2, 11)]

"""Each link of a page leads to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.support.prose import Repository

ROOT = Path(__file__).parents[2]
PAGES = dict(Repository(ROOT).texts(".md"))
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
INDEX = "docs/README.md"


def headings(text: str) -> set[str]:
    """Returns the anchors of a page, as GitHub makes them."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    for title in re.findall(r"^#+ (.+)$", _FENCED.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def dead(path: str, text: str) -> list[str]:
    """Returns the links of a page that lead nowhere; those to other places are not followed."""
    found = []
    for link in _LINK.findall(_FENCED.sub("", text)):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (ROOT / path).parent / target
        if target and not file.exists():
            found.append(link)
            continue
        is_page = not target or file.suffix == ".md"
        if anchor and is_page and anchor not in headings(file.read_text() if target else text):
            found.append(link)
    return found


def test_links_lead_somewhere() -> None:
    assert {path: found for path, text in PAGES.items() if (found := dead(path, text))} == {}


def test_the_index_lists_every_page_of_the_folder() -> None:
    listed = PAGES[INDEX].partition("## All pages")[2]
    pages = {path.removeprefix("docs/") for path in PAGES if re.fullmatch(r"docs/\w+\.md", path)}

    assert pages - set(_LINK.findall(listed)) == {"README.md"}


def test_ten_questions_have_an_answer_each() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+)\? \| (.+) \|$", PAGES[INDEX], re.MULTILINE)

    assert [number for number, *_ in rows] == [str(number) for number in range(1, 11)]
    assert all(_LINK.search(answer) for *_, answer in rows)


def test_control_a_link_to_nothing_is_found() -> None:
    text = (
        "# Here\n[a](no_such_page.md) [b](../README.md#no-such-heading) [c](#no-such-part) "
        "[d](../README.md) [e](../README.md#operate-it) [f](#here) [g](https://example.com/x)"
    )

    assert dead("docs/x.md", text) == [
        "no_such_page.md",
        "../README.md#no-such-heading",
        "#no-such-part",
    ]


def test_headings_become_anchors_as_on_github() -> None:
    text = "# Two `words`, here\n```\n# not this\n```\n## 6. Query, and kill\n# Same\n# Same\n"

    assert headings(text) == {
        "two-words-here",
        "6-query-and-kill",
        "same",
        "same-1",
    }

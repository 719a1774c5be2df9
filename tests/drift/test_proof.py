"""Every claim of docs/proof.md and docs/exactly_once.md names tests and faults that exist."""

import re
from pathlib import Path

import pytest

from harness.faults.catalogue import FAULTS
from harness.faults.registry import WITH_REGISTRY

REPOSITORY = Path(__file__).resolve().parents[2]
PROOF = (REPOSITORY / "docs/proof.md").read_text()
DEEP_DIVE = (REPOSITORY / "docs/exactly_once.md").read_text()
TEST = re.compile(r"`(tests/\S+?\.py)::(\w+)`")
FAULT = re.compile(r"`faults:([\w-]+)`")
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
NAMED = sorted({named for page in PAGES for named in TEST.findall(page.read_text())})
# What others say of their systems is shown by no test of ours.
OF_OTHERS = "What others promise, and where they stop"
# Answers that refer to a section or page with the tests.
REFER = {
    "Why are there duplicates at all?",
    "What if it crashes now?",
    "What is not promised?",
}


def test_the_documents_name_tests() -> None:
    assert len(TEST.findall(PROOF)) > 15
    assert len(TEST.findall(DEEP_DIVE)) > 15


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_named_test_exists(path: str, name: str) -> None:
    assert f"def {name}(" in (REPOSITORY / path).read_text()


def test_every_fault_shows_a_claim_and_every_named_one_exists() -> None:
    named = set(FAULT.findall(PROOF)) - {"NAME"}

    assert named == {fault.name for fault in (*FAULTS, *WITH_REGISTRY)}
    assert set(FAULT.findall(DEEP_DIVE)) - {"NAME"} <= named


def without_tests(page: str) -> list[str]:
    """Returns the sections and answers that name no test."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    answers = re.findall(r"^\*\*[^*]+\?\*\*.*?(?=^\*\*|\Z)", page, re.MULTILINE | re.DOTALL)
    titled = [(each.partition("\n")[0], each) for each in sections]
    titled += [(each[2:].partition("**")[0], each) for each in answers]
    return [title for title, text in titled if not TEST.search(text)]


def test_every_section_of_the_deep_dive_and_every_answer_names_a_test() -> None:
    assert set(without_tests(DEEP_DIVE)) == {OF_OTHERS, *REFER}


def test_control_a_claim_without_a_test_is_found() -> None:
    page = "## Shown\n`tests/a.py::test_b`\n\n## Not shown\nx\n\n**Why?** Because.\n"

    assert without_tests(page) == ["Not shown", "Why?"]

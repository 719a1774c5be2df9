"""What people read is plain: statements, standard words, short lines, references that hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import prose
from tests.support.prose import Repository, Text

REPOSITORY = Repository(Path(__file__).resolve().parents[2])
DOCSTRING_COLUMNS = 100

# A reader searches for the noun that he knows. Regular expressions, and what to say instead.
WORDS = {
    r"mend(s|ed|ing)?": "patch, workaround, correct or put right",
    r"vitals?(?!\")": "health or indicator",
    r"takeover": "recover; a claim is taken over",
    r"outbox": "producer",
    r"rehears\w*": "end-to-end run, or run",
    r"tether\w*": "pdeathsig",
    r"scenes?": "context",
    r"lack(s|ed)?": "is missing, or is without",
    r"(?<!there )(is|are|was|were) no more(?!( \w+)? than)": "has ended, or is gone",
    r"for want of": "because ... is missing",
    r"held_topic": "KafkaReader",
    r"AccountBook": "AccountState",
}
# What a running program makes, what belongs to others, and names in examples.
ELSEWHERE = {
    "endpoints.json",
    "faults.json",
    "payments.toml",
}
# Where a word or a question may stand, and why.
ALLOWED: dict[str, str] = {
    "tests/drift/test_prose.py": "this list",
    "tests/support/prose.py": "the same",
    "operations/health/command.py": "changes with the commands",
    "templates/__init__.py": "changes with the images",
    "templates/dataflow/main.py": "changes with the images",
    "templates/flink/__init__.py": "changes with the images",
    "templates/flink/hung_tasks.py": "changes with the images",
    "templates/flink/rest.py": "changes with the images",
}


def python() -> list[Text]:
    return list(REPOSITORY.texts(".py"))


def test_modules_open_with_a_statement() -> None:
    wrong = {path: fault for path, text in python() if (fault := prose.bad_first_line(text))}

    assert {path: fault for path, fault in wrong.items() if path not in ALLOWED} == {}


def test_code_and_messages_use_the_standard_words() -> None:
    read = REPOSITORY.texts(
        ".py", ".sh", ".sql", ".java", ".diff", ".yaml", ".tf", ".toml", "Makefile"
    )

    assert {
        path: found
        for path, text in read
        if path not in ALLOWED and (found := list(prose.forbidden(text, WORDS)))
    } == {}


def test_comments_and_docstrings_refer_to_what_is_there() -> None:
    assert {
        path: found
        for path, text in python()
        if path not in ALLOWED and (found := dangling(Text(path, prose.prose_of(text))))
    } == {}


def dangling(text: Text) -> list[str]:
    return sorted(prose.dangling(text, REPOSITORY, ELSEWHERE))


@pytest.mark.parametrize(
    "line",
    [
        "Which codec is it?",
        "Reads it. How fast?",
        "What a codec is.",
        "To which end it leads.",
        "It",
    ],
)
def test_control_a_question_is_found(line: str) -> None:
    assert prose.bad_first_line(f'"""{line}\n\nMore.\n"""\n')


def test_control_a_statement_is_none() -> None:
    assert prose.bad_first_line('"""Reads what comes, and asks: how much?\n"""') is not None
    assert prose.bad_first_line('"""Whatever comes is read."""') is None
    assert prose.bad_first_line("import os\n") == "no docstring"


@pytest.mark.parametrize("text", ["it Mends itself", "a vital sign", "a right that he lacks"])
def test_control_a_word_of_the_list_is_found(text: str) -> None:
    assert next(prose.forbidden(f"one line\n{text}", WORDS)).startswith("line 2: ")


def test_control_a_part_of_a_word_is_none() -> None:
    assert list(prose.forbidden("recommends black; no more than five", WORDS)) == []


@pytest.mark.parametrize(
    "text",
    [
        "see nowhere.py",
        "see pipeline/nowhere.py",
        "docs/decisions/9999 says why",
        "docs/decisions/9999-why.md",
        "ADR 9999",
        "run `python -m pipeline.nowhere`",
        "run `make nothing`",
        "`pipeline/nowhere/`",
    ],
)
def test_control_a_reference_to_nothing_is_found(text: str) -> None:
    assert dangling(Text("docs/page.md", text))


@pytest.mark.parametrize(
    "text",
    [
        "pipeline/config.py, launch/claim.py and claim.py",
        "docs/decisions/0009 and ADR 9",
        "`python -m pipeline`, `python -m json.tool`, `make check`",
        "`pipeline/launch/`",
    ],
)
def test_control_a_reference_to_something_is_none(text: str) -> None:
    assert dangling(Text("docs/page.md", text)) == []


def test_control_strings_and_code_are_no_prose() -> None:
    source = '"""Module."""\nname = "# nowhere.py"\nx = 1  # a comment\n'

    assert prose.prose_of(source) == "Module.\na comment"

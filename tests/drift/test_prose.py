"""What people read is plain: statements, standard words, short lines, references that hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from payments import cli
from tests.support import prose
from tests.support.prose import Repository, Text

REPOSITORY = Repository(Path(__file__).resolve().parents[2])
MARKDOWN_COLUMNS = 120
INDEX = REPOSITORY.read("docs/decisions/README.md")
DECISIONS = [text for text in REPOSITORY.texts(".md") if re.match(r"docs/decisions/\d", text.path)]

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
    "kafka-acls.sh",
    "kafka-configs.sh",
    "kafka-delete-records.sh",
    "kafka-topics.sh",
    "kafka-transactions.sh",
    "payments.toml",
    "payments.yaml",
    "mine.yaml",
    "my.yaml",
    "first.yaml",
    "wrong.yaml",
    "checked.json",
}
# Pages that tell what was: they may name what is gone, and words of that time.
HISTORY = {"CHANGELOG.md", "GRAVEYARD.md"} | {
    path for path, text in DECISIONS if "**Status.** Superseded" in text
}
# Where a word or a question may stand, and why.
ALLOWED: dict[str, str] = {
    "tests/drift/test_prose.py": "this list",
    "tests/support/prose.py": "the same",
    "docs/glossary.md": "it says which words are not used",
    "contracts/outbox.yaml": "the pattern has this name",
    "tests/support/contract_records.py": "the same",
    "tests/unit/contract/test_shipped.py": "the same",
    "transforms/codecs/contract/shipped.py": "the same",
    "docs/your_payments.md": "the same; it makes files of its own",
}


def python() -> list[Text]:
    return list(REPOSITORY.texts(".py"))


def test_modules_open_with_a_statement() -> None:
    wrong = {path: fault for path, text in python() if (fault := prose.bad_first_line(text))}

    assert {path: fault for path, fault in wrong.items() if path not in ALLOWED} == {}


def test_packages_list_modules_that_they_hold() -> None:
    absent = {
        f"{package}/{name}"
        for path, text in REPOSITORY.texts("/__init__.py")
        for name in prose.listed_modules(text)
        if not {
            f"{(package := path.rpartition('/')[0])}/{name}.py",
            f"{package}/{name}/__init__.py",
        }
        & set(REPOSITORY.paths)
    }

    assert absent == set()


def test_control_listed_modules_are_found() -> None:
    source = (
        '"""A package.\n\n    first, second   two modules\n    third           one\n\nMore.\n"""'
    )

    assert prose.listed_modules(source) == ["first", "second", "third"]


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


def pages() -> list[Text]:
    return list(REPOSITORY.texts(".md"))


def test_pages_use_the_standard_words() -> None:
    assert {
        path: found
        for path, text in pages()
        if path not in {*ALLOWED, *HISTORY} and (found := list(prose.forbidden(text, WORDS)))
    } == {}


def test_pages_refer_to_what_is_there() -> None:
    assert {
        page.path: found
        for page in pages()
        if page.path not in HISTORY and (found := dangling(page))
    } == {}


def test_pages_name_commands_that_exist() -> None:
    assert {page.path: found for page in pages() if (found := unknown_commands(page.text))} == {}


def unknown_commands(text: str) -> list[str]:
    named = re.findall(r"(?:`|^ *|bin/)payments ([a-z][a-z-]+)", text, re.MULTILINE)
    return sorted(set(named) - cli.COMMANDS.keys())


def test_control_a_command_that_nobody_knows_is_found() -> None:
    assert unknown_commands("`payments nothing`, `payments health`") == ["nothing"]


def test_links_lead_somewhere() -> None:
    assert {
        page.path: found
        for page in pages()
        if (found := list(prose.broken_links(page, REPOSITORY)))
    } == {}


def test_lines_of_pages_are_short() -> None:
    assert {
        path: found
        for path, text in pages()
        if (found := list(prose.long_lines(text, MARKDOWN_COLUMNS)))
    } == {}


def test_every_decision_has_a_status_and_a_date_and_the_index_says_so() -> None:
    """And no page is missing from it."""
    listed = re.findall(
        r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (\w+).* \| (\S+) \|$", INDEX, re.MULTILINE
    )

    assert listed == [decision(page) for page in DECISIONS]


def decision(page: Text) -> tuple[str, ...]:
    title = re.match(r"# (\d+)\. (.+)\n", page.text)
    status = re.search(
        r"^\*\*Status\.\*\* (Accepted|Superseded), (\d{4}-\d\d-\d\d)\b", page.text, re.M
    )
    assert title and status, f"{page.path}: a title with a number, and **Status.** with a date"
    name = page.path.rpartition("/")[2]
    assert name.startswith(f"{int(title[1]):04}-"), page.path
    return (title[1], title[2], name, status[1], status[2])


def test_control_a_decision_without_a_date_is_found() -> None:
    with pytest.raises(AssertionError, match="with a date"):
        decision(Text("docs/decisions/0099-why.md", "# 99. Why\n\n**Status.** Accepted.\n"))


def test_readme_names_every_folder() -> None:
    folders = {path.partition("/")[0] for path in REPOSITORY.paths if "/" in path}
    table = REPOSITORY.read("README.md").partition("\n## Folders\n")[2]

    assert sorted(each for each in folders if f"`{each}/`" not in table) == []


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


@pytest.mark.parametrize(
    "link",
    [
        "[a](nowhere.md)",
        "[a](proof.md#no-such-heading)",
        "[a](#no-such-heading)",
        "[a](../nowhere/)",
    ],
)
def test_control_a_broken_link_is_found(link: str) -> None:
    assert list(prose.broken_links(Text("docs/page.md", f"# Title\n\n{link}\n"), REPOSITORY))


def test_control_links_that_lead_somewhere() -> None:
    text = "# A `title`, here\n\n[a](proof.md#the-chain) [b](#a-title-here) [c](../sql/) [d](https://e)\n"

    assert list(prose.broken_links(Text("docs/page.md", text), REPOSITORY)) == []


def test_control_long_lines_are_found() -> None:
    words = "word " * 30

    assert list(
        prose.long_lines(f"short\n{words}\n| {words} |\n{'x' * 200}\na   b   {words}", 120)
    ) == ["line 2: 150 columns"]

"""The lists of files in CONTRIBUTING.md are true: the diffs there are applied to a copy and tried.

tests/support/declared_once.py says what must then work.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from transforms.payment.fields import Column
from transforms.payment.tables import ALL_TABLES

REPOSITORY = Path(__file__).parents[2]
TITLES = {
    "rule": "### A rule",
    "column": "### A column that payloads hold",
    "fraud_rule": "### A fraud rule",
    "counter": "### A counter",
}
WITH_COLUMN = ("column", "fraud_rule")
GENERATED = ("rule", *WITH_COLUMN)
# What was there before must go on to hold: the tests that stand nearest to each list.
OLDER_TESTS = {
    "rule": (
        *("tests/unit/test_rules.py", "tests/unit/test_simulator_invalid.py"),
        *("tests/unit/test_sql_files.py", "tests/drift/test_reasons.py"),
    ),
    "column": (
        *("tests/unit/test_fields.py", "tests/unit/test_wire_format.py"),
        *("tests/unit/test_rules.py", "tests/unit/test_sql_files.py"),
        *("tests/unit/test_bigquery_arrow_rows.py", "tests/unit/test_reconcile_content.py"),
    ),
    "fraud_rule": (
        *("tests/unit/test_fraud_rules.py", "tests/unit/test_open_account.py"),
        *("tests/unit/test_account_state.py", "tests/unit/test_bigquery_arrow_rows.py"),
        "tests/unit/test_sql_files.py",
    ),
    "counter": ("tests/drift/test_counters.py",),
}


class Hunk(NamedTuple):
    """A place in a file, as it is and as it becomes."""

    file: str
    before: str
    after: str


def hunks_of(name: str) -> list[Hunk]:
    """Returns the edits that CONTRIBUTING.md shows under a heading."""
    _, _, section = (REPOSITORY / "CONTRIBUTING.md").read_text().partition(f"{TITLES[name]}\n")
    [diff] = re.findall(r"^```diff\n(.*?)^```", section.partition("\n### ")[0], re.DOTALL | re.M)
    found = []
    for part in re.split(r"^--- ", diff, flags=re.M)[1:]:
        file, _, body = part.partition("\n")
        for lines in re.split(r"^@@\n", body.partition("\n")[2], flags=re.M):
            hunk = lines.splitlines(keepends=True)
            before = "".join(line[1:] for line in hunk if line[0] in " -")
            after = "".join(line[1:] for line in hunk if line[0] in " +")
            found.append(Hunk(file, before, after))
    return found


def files_of(name: str) -> list[str]:
    return list(dict.fromkeys(hunk.file for hunk in hunks_of(name)))


def apply(hunks: list[Hunk], tree: Path) -> None:
    for file, before, after in hunks:
        text = (tree / file).read_text()
        assert text.count(before) == 1, (
            f"{file} has these lines {text.count(before)} times:\n{before}"
        )
        (tree / file).write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of what git knows of the tree, or would if it were told."""
    tree = tmp_path_factory.mktemp("copy") / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = REPOSITORY / name, tree / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return tree


@pytest.fixture
def tree(pristine: Path) -> Iterator[Path]:
    """Returns the copy, and takes back what a test has changed in it."""
    names = {hunk.file for name in TITLES for hunk in hunks_of(name)}
    yield pristine
    for name in names:
        shutil.copyfile(REPOSITORY / name, pristine / name)
    shutil.copytree(REPOSITORY / "sql", pristine / "sql", dirs_exist_ok=True)


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def shown(tree: Path, name: str) -> subprocess.CompletedProcess:
    if name in GENERATED:
        generated = run(tree, "payments", "tables", "generate")
        if generated.returncode:
            return generated
    return run(tree, "tests.support.declared_once", name)


def older_tests(tree: Path, name: str) -> subprocess.CompletedProcess:
    return run(tree, "pytest", "-q", "-p", "no:cacheprovider", *OLDER_TESTS[name])


@pytest.mark.parametrize("name", TITLES)
def test_what_is_listed_is_all_that_is_needed(name: str, tree: Path) -> None:
    apply(hunks_of(name), tree)

    done = shown(tree, name)
    older = older_tests(tree, name)

    assert done.returncode == 0, done.stderr
    assert older.returncode == 0, older.stdout


def test_control_an_older_test_that_breaks_is_found(tree: Path) -> None:
    apply(hunks_of("rule"), tree)  # and nothing is generated

    older = older_tests(tree, "rule")

    assert older.returncode == 1
    assert "test_reasons_in_sql_are_the_closed_list" in older.stdout


@pytest.mark.parametrize("name", TITLES)
def test_it_is_two_or_three_files(name: str) -> None:
    assert len(files_of(name)) in {2, 3}


@pytest.mark.parametrize(
    ("name", "left_out"), [(name, file) for name in TITLES for file in files_of(name)]
)
def test_control_none_of_the_files_can_be_left_out(name: str, left_out: str, tree: Path) -> None:
    apply([hunk for hunk in hunks_of(name) if hunk.file != left_out], tree)

    done = shown(tree, name)

    assert done.returncode != 0
    assert "Error" in done.stderr


def test_both_columns_of_the_examples_fit_together(tree: Path) -> None:
    for name in WITH_COLUMN:
        apply(hunks_of(name), tree)
    run(tree, "payments", "tables", "generate")
    ddl = (tree / "sql/fraud_indicators/table.sql").read_text()

    assert re.findall(r"^  `(\w+)`", ddl, re.M)[-2:] == ["channel", "share_1h"]


# --- Columns that came later ----------------------------------------------------------------------


def problems(columns: set[Column], changelog: str) -> list[str]:
    """Returns what is wrong with the numbers of columns that came later."""
    later = sorted({(each.added, each.name) for each in columns if each.added})
    told = [f"{name} is not in CHANGELOG.md" for _, name in later if f"`{name}`" not in changelog]
    if [number for number, _ in later] != list(range(1, len(later) + 1)):
        told.append(f"numbers must be 1, 2, 3, …, each of one column, got {later}")
    return told


def test_columns_that_came_later_are_numbered_and_in_the_changelog() -> None:
    columns = {column for table in ALL_TABLES for column in table.columns}

    assert problems(columns, (REPOSITORY / "CHANGELOG.md").read_text()) == []


def test_control_two_columns_with_one_number_are_found() -> None:
    columns = {Column("a", "STRING", "", True, 1), Column("b", "STRING", "", True, 1)}

    assert problems(columns, "`a`, `b`")
    assert problems({Column("a", "STRING", "", True, 1)}, "nothing of it")
    assert not problems({Column("a", "STRING", "", True, 1)}, "`a`")

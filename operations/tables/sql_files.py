"""Reads the views and checks in sql/. Their form is strict, so that reading is simple.

    sql/<table>/checks.sql, sql/audit/<view>/checks.sql    checks
    sql/<table>/closed_list_checks.sql                     a check that table_files.py writes
    sql/audit/<view>/view.sql                              one view, one question

sql/README.md shows the forms. `${dataset}` stands for PROJECT.DATASET in all of them.
"""

from __future__ import annotations

import dataclasses
import graphlib
import re
from pathlib import Path
from typing import Literal

# Beside the packages, not in them: who runs a pipeline needs no SQL, who makes tables a checkout.
SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql"
DATASET = "${dataset}"

_VIEW = re.compile(
    r"-- (?P<question>[^\n]+\?)(?P<answer>[^\n]*)\n"
    r"(?:--[^\n]*\n)*"
    r"CREATE OR REPLACE VIEW `\$\{dataset\}\.(?P<name>\w+)` AS\n"
    r"(?P<query>.+);\n",
    re.DOTALL,
)
_CHECK = re.compile(
    r"(?:--[^\n]*\n)*"
    r"#(?P<severity>fail|warn)\n"
    r"ASSERT NOT EXISTS \(\n"
    r"(?P<query>.+?)\n"
    r"\) AS '(?P<law>[^'\n]+)';\n",
    re.DOTALL,
)
_NAME = re.compile(r"`\$\{dataset\}\.(\w+)`")


class SqlFileError(ValueError):
    """A file in sql/ that is not of the required form; the message names it, and the form."""


@dataclasses.dataclass(frozen=True)
class View:
    """A view: its name is its folder's, its description its question."""

    name: str
    question: str
    query: str

    def query_in(self, dataset: str) -> str:
        """Returns the query on the tables of `dataset` (PROJECT.DATASET)."""
        return _in(dataset, self.query)

    def reads(self) -> set[str]:
        """Returns the names of the tables and views that it is made of."""
        return set(_NAME.findall(self.query))


@dataclasses.dataclass(frozen=True)
class Check:
    """A law, and a query that finds what breaks it: no row may come out.

    Attributes:
        about: the table or view in whose folder it stands.
    """

    about: str
    severity: Literal["fail", "warn"]
    law: str
    query: str

    def query_in(self, dataset: str, rows_max: int) -> str:
        """Returns the query on the tables of `dataset`, cut to `rows_max` rows."""
        return f"SELECT * FROM (\n{_in(dataset, self.query)}\n)\nLIMIT {rows_max}"


def views(folder: Path = SQL_FOLDER) -> list[View]:
    """Returns the views, those that others read first.

    Raises:
        SqlFileError: a file is not of the required form, or there are none.
    """
    found = {}
    for path in _paths(folder, "audit/*/view.sql"):
        match = _VIEW.fullmatch(path.read_text(encoding="utf-8"))
        if match is None or match["name"] != path.parent.name:
            raise SqlFileError(
                f"{path}: a first line `-- Question?`, comments, then CREATE OR REPLACE VIEW "
                f"`{DATASET}.{path.parent.name}` AS, a query and a last `;` are required"
            )
        question = match["question"] + match["answer"]
        found[path.parent.name] = View(match["name"], question, match["query"])
    others = {name: view.reads() & found.keys() for name, view in found.items()}
    return [found[name] for name in graphlib.TopologicalSorter(others).static_order()]


def checks(folder: Path = SQL_FOLDER) -> list[Check]:
    """Returns the checks, in the order of files and of lines.

    Raises:
        SqlFileError: a file is not of the required form, or there are none.
    """
    found = []
    for path in _paths(folder, "**/*checks.sql"):
        text = path.read_text(encoding="utf-8")
        if _CHECK.sub("", text).strip():
            raise SqlFileError(
                f"{path}: only comments (--) and checks are allowed. A check is a line #fail or "
                "#warn, then ASSERT NOT EXISTS (, a query, and ) AS 'law';"
            )
        for match in _CHECK.finditer(text):
            severity: Literal["fail", "warn"] = "fail" if match["severity"] == "fail" else "warn"
            found.append(Check(path.parent.name, severity, match["law"], match["query"]))
    return found


def _paths(folder: Path, pattern: str) -> list[Path]:
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise SqlFileError(f"no {pattern} in {folder}. Hint: run from a checkout of the repository")
    return paths


def _in(dataset: str, sql: str) -> str:
    # Nothing else begins with a dollar but a path into JSON.
    return sql.replace(DATASET, dataset)

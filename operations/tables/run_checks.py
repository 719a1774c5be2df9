"""Runs the laws of sql/**/*checks.sql on a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from google.cloud import bigquery

from operations import bigquery_client
from operations.tables.sql_files import Check

# What breaks a law, as many rows as a human reads at once.
_EXAMPLES = 3


class Finding(NamedTuple):
    """What a check has found.

    Attributes:
        examples: some of the rows that break the law; none when it holds.
        more: whether there are more than these.
    """

    check: Check
    examples: tuple[str, ...]
    more: bool

    @property
    def holds(self) -> bool:
        """Tells whether the law holds."""
        return not self.examples

    @property
    def failed(self) -> bool:
        """Tells whether the law is broken, and is one that must hold."""
        return not self.holds and self.check.severity == "fail"

    def document(self) -> dict[str, Any]:
        """Returns the finding for programs."""
        return {
            "about": self.check.about,
            "severity": self.check.severity,
            "law": self.check.law,
            "holds": self.holds,
            "examples": list(self.examples),
            "more": self.more,
        }

    def __str__(self) -> str:
        """Returns one line, and below it what breaks the law."""
        verdict = "ok" if self.holds else {"fail": "FAILED", "warn": "WARNING"}[self.check.severity]
        line = f"{verdict:<8}#{self.check.severity}  {self.check.about}: {self.check.law}"
        more = ("… and more",) if self.more else ()
        return "\n".join([line, *(f"{'':8}{example}" for example in (*self.examples, *more))])


def run_checks(client: bigquery.Client, dataset: str, checks: Iterable[Check]) -> Iterator[Finding]:
    """Asks BigQuery for what breaks each law, and yields the answers as they come.

    ASSERT itself would stop at the first failure, know no severity and name no row; and the
    stand-in does not have it. So its condition is asked as the query that it is.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    for check in checks:
        sql = check.query_in(f"{client.project}.{dataset}", rows_max=_EXAMPLES + 1)
        found = [_line(dict(row)) for row in bigquery_client.result(client, sql)]
        yield Finding(check, tuple(found[:_EXAMPLES]), len(found) > _EXAMPLES)


def _line(row: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in row.items())

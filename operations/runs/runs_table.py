"""The table `runs`: a chain of claims, where each names the one that took the tables from it.

A claim is taken by one UPDATE of the row before it, from "nobody follows" to "I follow". Two
launches change the same row, so BigQuery lets one of them win: an INSERT, or a MERGE that only
inserts, would let both ("DML statement conflicts" in its documentation of DML).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from google.api_core import exceptions

from operations import bigquery_client
from operations.errors import CannotStart, NoAnswer
from operations.runs.run import ROOT, Run, root
from transforms.payment.tables import RUNS

_CLAIM = """
UPDATE {table} SET followed_by = @claim_id
WHERE claim_id = @before AND followed_by IS NULL AND NOT EXISTS (
  SELECT 1 FROM {table} WHERE claim_id = @before AND followed_by IS NOT NULL
)
"""
# Both rows by one statement: who follows ours meanwhile changes the same row, and one of us loses.
# Ours follows itself then, so that nobody can.
_GIVE_BACK = """
UPDATE {table} SET
  followed_by = IF(claim_id = @claim_id, @claim_id, NULL),
  ended_at = IF(claim_id = @claim_id, CURRENT_TIMESTAMP(), ended_at),
  ended_why = IF(claim_id = @claim_id, @ended_why, ended_why)
WHERE (claim_id = @claim_id OR (claim_id = @before AND followed_by = @claim_id))
  AND NOT EXISTS (
    SELECT 1 FROM {table} WHERE claim_id = @claim_id AND followed_by IS NOT NULL
  )
"""
_END = """
UPDATE {table} SET ended_at = COALESCE(ended_at, CURRENT_TIMESTAMP()), ended_why = @ended_why
WHERE claim_id = @claim_id AND (ended_at IS NULL OR ended_why = @instead_of)
"""
# BigQuery runs an UPDATE that lost against another a few times by itself, then refuses it.
_LOST_TO_ANOTHER = ("could not serialize", "concurrent update", "conflict")


class NoTable(NoAnswer):
    """There is no table `runs`."""


class RunsTable:
    """The table of one dataset. Every method raises NoAnswer when BigQuery does not answer.

    Args:
        dataset: PROJECT.DATASET.
        endpoint: host:port of a stand-in, None for Google's service.
    """

    def __init__(self, dataset: str, endpoint: str | None) -> None:
        self._dataset = dataset
        self._endpoint = endpoint
        self._name = f"{dataset}.{RUNS.name}"
        with bigquery_client.errors(NoAnswer, dataset, endpoint):
            self._client = bigquery_client.connect(dataset.rpartition(".")[0], endpoint)

    def chain(self, version: str) -> list[Run]:
        """Returns the runs that have held the tables, the newest last; first the root.

        Args:
            version: of this program, for the root, which is made where there is none.
        """
        found = self._rows()
        if not any(run.is_root for run in found):
            self.add(root(version))
            return self.chain(version)
        return in_order(found)

    def rows(self) -> list[Run]:
        """Returns the same for a reader, who makes no root.

        Raises:
            NoTable: there is no such table.
        """
        found = self._rows()
        return in_order(found) if any(run.is_root for run in found) else []

    def rows_if_any(self) -> list[Run]:
        """Returns the same for a reader, none where there is no such table."""
        try:
            return self.rows()
        except NoTable:
            return []

    def _rows(self) -> list[Run]:
        with bigquery_client.errors(NoAnswer, self._dataset, self._endpoint):
            try:
                rows = self._client.list_rows(self._name, retry=bigquery_client.RETRY)
                return [Run.from_row(dict(row)) for row in rows]
            except exceptions.NotFound as error:
                raise NoTable(
                    f"the table {self._name} is missing: {error.message}. Hint: `payments "
                    f"tables create --bigquery_dataset={self._dataset}`"
                ) from None

    def add(self, run: Run) -> None:
        """Writes a row that holds nothing yet. Twice does the same as once."""
        values = {name: getattr(run, name) for name in RUNS.column_names}
        names = ", ".join(values)
        parameters = ", ".join(f"@{name}" for name in values)
        self._change(
            f"INSERT INTO {{table}} ({names}) SELECT {parameters} FROM (SELECT 1) "
            "WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE claim_id = @claim_id)",
            values,
        )

    def take(self, before: Run, claim_id: str) -> bool:
        """Takes the tables from `before`; returns whether nobody else was quicker."""
        self._change(_CLAIM, {"before": before.claim_id, "claim_id": claim_id}, may_lose=True)
        rows = [run for run in self._rows() if run.claim_id == before.claim_id]
        followers = {run.followed_by for run in rows} - {None}
        # Asked of the table and not of the statement, whose answer may have been lost.
        return followers == {claim_id}

    def give_back(self, before: Run, claim_id: str, why: str) -> None:
        """Ends a claim and lets `before` hold the tables again, unless another took them since."""
        values = {"before": before.claim_id, "claim_id": claim_id, "ended_why": why}
        self._change(_GIVE_BACK, values, may_lose=True)

    def end(self, claim_id: str, why: str, instead_of: str = "") -> None:
        """Notes that a run has ended, and why; the first note stays.

        Args:
            instead_of: a note that says less and is replaced.
        """
        self._change(_END, {"claim_id": claim_id, "ended_why": why, "instead_of": instead_of})

    def note(self, claim_id: str, **values: str | int | None) -> None:
        """Writes what is known of a run only once it is submitted."""
        changes = ", ".join(f"{name} = @{name}" for name in values)
        statement = f"UPDATE {{table}} SET {changes} WHERE claim_id = @claim_id"
        self._change(statement, {"claim_id": claim_id, **values})

    def _change(
        self,
        statement: str,
        values: Mapping[str, str | int | dt.datetime | None],
        may_lose: bool = False,
    ) -> None:
        settings = bigquery_client.parameters(RUNS, values)
        sql = statement.format(table=f"`{self._name}`")
        with bigquery_client.errors(NoAnswer, self._dataset, self._endpoint):
            try:
                bigquery_client.result(self._client, sql, settings)
            except exceptions.GoogleAPICallError as error:
                lost = any(text in str(error).lower() for text in _LOST_TO_ANOTHER)
                if not (may_lose and lost):
                    raise


def in_order(found: Sequence[Run]) -> list[Run]:
    """Returns the rows that hold or have held the tables, each behind the one it follows.

    A row that nobody's `followed_by` names belongs to a launch that was refused.

    Raises:
        CannotStart: a row is missing, or the rows follow each other in a circle.
    """
    by_claim: dict[str, Run] = {}
    for run in found:
        known = by_claim.get(run.claim_id)
        if known is None or known.followed_by is None:  # the root may be there twice
            by_claim[run.claim_id] = run
    chain = [by_claim[ROOT]]
    while chain[-1].followed_by is not None:
        following: Any = by_claim.get(chain[-1].followed_by)
        if following is None or following in chain:
            raise CannotStart(
                f"the table {RUNS.name} is damaged: claim {chain[-1].claim_id} is followed by "
                f"{chain[-1].followed_by}, which is {'before it' if following else 'not there'}. "
                f"Hint: restore it from BigQuery's time travel (FOR SYSTEM_TIME AS OF)."
            )
        chain.append(following)
    return chain

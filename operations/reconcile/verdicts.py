"""The audit log: a row of `reconciliations` for each check, and what the checks have proven."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
from google.auth import exceptions as auth_exceptions

from operations import bigquery_client
from operations.errors import CannotCheck
from operations.reconcile.report import Report
from operations.reconcile.scope import FULL, RANGE, Scope
from operations.reconcile.settings import Dataset
from operations.reconcile.truth import Limits, Partition
from operations.version import VERSION
from operations.who import user_at_host
from transforms.payment.tables import RECONCILIATIONS

RECONCILED = "reconciled"
NOT_RECONCILED = "not_reconciled"


class Verdict(NamedTuple):
    """What a check has found, of what its row tells."""

    verdict: str
    finished_at: dt.datetime
    missing: int
    double: int
    unknown: int

    @property
    def balanced(self) -> bool:
        """Returns whether each record was counted once."""
        return self.verdict == RECONCILED


class Verdicts:
    """The table `reconciliations` of a dataset.

    Every method raises CannotCheck when BigQuery does not answer, or refuses.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._name = f"{dataset.project}.{dataset.name}.{RECONCILIATIONS.name}"
        try:
            self._client = bigquery_client.connect(dataset.project, dataset.endpoint)
        except auth_exceptions.GoogleAuthError as error:
            raise CannotCheck(f"no credentials for BigQuery: {error}") from None

    def proven(self) -> dict[Partition, int]:
        """Returns the offset behind the last one proven of each partition."""
        sql = (
            f"SELECT scope, ranges FROM `{self._name}` WHERE verdict = '{RECONCILED}' "
            "ORDER BY started_at"
        )
        where = f"{self._dataset.project}.{self._dataset.name}"
        with bigquery_client.errors(CannotCheck, where, self._dataset.endpoint):
            return proven(list(bigquery_client.rows(self._client, sql)))

    def newest(self) -> Verdict | None:
        """Returns what the last check has found, None before there was one."""
        names = ", ".join(f"`{name}`" for name in Verdict._fields)
        sql = f"SELECT {names} FROM `{self._name}` ORDER BY started_at DESC LIMIT 1"
        where = f"{self._dataset.project}.{self._dataset.name}"
        with bigquery_client.errors(CannotCheck, where, self._dataset.endpoint):
            rows = [Verdict(*row) for row in bigquery_client.rows(self._client, sql)]
        return next(iter(rows), None)

    def append(self, row: dict[str, Any]) -> None:
        """Adds one row: all of it is there afterwards, or nothing."""
        columns = RECONCILIATIONS.column_names
        names = ", ".join(f"`{name}`" for name in columns)
        places = ", ".join(f"@{name}" for name in columns)
        values = {name: row[name] for name in columns}
        settings = bigquery_client.parameters(RECONCILIATIONS, values)
        where = f"{self._dataset.project}.{self._dataset.name}"
        with bigquery_client.errors(CannotCheck, where, self._dataset.endpoint):
            sql = f"INSERT INTO `{self._name}` ({names}) VALUES ({places})"
            bigquery_client.result(self._client, sql, settings)


def proven(verdicts: Iterable[Any]) -> dict[Partition, int]:
    """Returns where the proof of each partition has come to.

    A full check begins a new proof, one behind the last proven offset continues it. A range of
    time adds to it only where it leaves no hole: who looks at the last hour proves no day.

    Args:
        verdicts: scope and ranges of the checks that were reconciled, oldest first.
    """
    ends: dict[Partition, int] = {}
    for scope, text in verdicts:
        for span in orjson.loads(text):
            pair = span["topic"], span["partition"]
            if scope != RANGE or span["start"] <= ends.get(pair, -1) < span["proven_end"]:
                ends[pair] = span["proven_end"]
    return ends


def row_of(
    report: Report, limits: Limits, started_at: dt.datetime, finished_at: dt.datetime
) -> dict[str, Any]:
    """Returns the row of a check."""
    document = report.document()
    checked = document["checked"] or {"scope": FULL, "ranges": []}
    scope = report.scope or Scope.full([])
    return {
        "reconciliation_id": str(uuid.uuid4()),
        "started_at": started_at,
        "finished_at": finished_at,
        "duration_sec": (finished_at - started_at).total_seconds(),
        "verdict": RECONCILED if report.balanced else NOT_RECONCILED,
        "scope": checked["scope"],
        "since": _moment(scope.since_us),
        "until": _moment(scope.until_us),
        "ranges": _json(checked["ranges"]),
        "read": report.counts.read,
        **document["outcomes"],
        "missing": report.counts.missing,
        "double": report.counts.double,
        "unknown": report.counts.unknown,
        "sums": _json(document["currencies"]),
        "problems": _json(report.problems),
        "notes": _json(report.notes),
        "allowed_lateness_sec": limits.allowed_lateness_us // 1_000_000,
        "clock_skew_sec": limits.clock_skew_us // 1_000_000,
        "pipeline_version": VERSION,
        "checked_by": user_at_host(),
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _moment(moment_us: int | None) -> dt.datetime | None:
    if moment_us is None:
        return None
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=moment_us)

"""Asks whether the tables are still this run's, before rows are made visible.

Each launch has a row in the table `runs`, and one that takes the tables from another is named
there as its follower (pipeline/launch/door.py). `tabledata.list` reads it: BigQuery takes no money
for that, and it sees what a statement has just changed.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import bigquery

from transforms.bigquery.connection import rest_client
from transforms.bigquery.errors import CannotWrite, ClaimLost
from transforms.bigquery.patience import Patience
from transforms.payment.tables import RUNS

# A run that has lost its tables continues for so long at most.
ASK_EVERY_SEC = 5.0
_ATTEMPT_SEC = 10.0
_COLUMNS = [
    bigquery.SchemaField("claim_id", "STRING"),
    bigquery.SchemaField("run_id", "STRING"),
    bigquery.SchemaField("followed_by", "STRING"),
    bigquery.SchemaField("ended_at", "TIMESTAMP"),
    bigquery.SchemaField("ended_why", "STRING"),
]
_TRANSIENT = (
    exceptions.ServerError,
    exceptions.TooManyRequests,
    requests.RequestException,
    auth_exceptions.TransportError,
)

Row = Mapping[str, Any]


class ClaimWatch:
    """The claim of one run; may be asked by several threads.

    Args:
        claim_id: of the run.
        dataset: PROJECT.DATASET, for messages.
        rows: returns the rows of `runs`, with the columns above.
    """

    def __init__(self, claim_id: str, dataset: str, rows: Callable[[], Iterable[Row]]) -> None:
        self._claim_id = claim_id
        self._dataset = dataset
        self._rows = rows
        self._lock = threading.Lock()
        self._good_until = float("-inf")

    def require(self) -> None:
        """Returns when the tables are this run's, by an answer that is seconds old at most.

        Raises:
            ClaimLost: another run has taken them, or somebody has ended this one.
            CannotWrite: BigQuery does not say.
        """
        with self._lock:
            if time.monotonic() < self._good_until:
                return
            asked_at = time.monotonic()
            self._check(self._ask())
            self._good_until = asked_at + ASK_EVERY_SEC

    def _check(self, rows: Iterable[Row]) -> None:
        found = {row["claim_id"]: row for row in rows}
        ours = found.get(self._claim_id)
        if ours is None:
            raise ClaimLost(
                f"run {self._claim_id} has no row in {self._dataset}.{RUNS.name}, so it may not "
                "write. Hint: was the table made anew? Start with --start_from_tables."
            )
        if ours["followed_by"] is not None:
            follower = found.get(ours["followed_by"], {"run_id": ours["followed_by"]})
            raise ClaimLost(
                f"run {ours['run_id']} was followed by run {follower['run_id']}, which writes to "
                f"{self._dataset} from now on; nothing of this run is written any more. Hint: "
                "cancel this job; `payments runs list` tells who took over, and when."
            )
        if ours["ended_at"] is not None:
            raise ClaimLost(
                f"run {ours['run_id']} was ended: {ours['ended_why']}; nothing of it is written "
                "any more. Hint: cancel this job."
            )

    def _ask(self) -> list[Row]:
        patience = Patience(f"say who holds {self._dataset}")
        while True:
            try:
                return list(self._rows())
            except _TRANSIENT as error:
                patience.pause(type(error).__name__)
            except exceptions.GoogleAPICallError as error:
                raise CannotWrite(
                    f"BigQuery does not say who holds {self._dataset}: {error.message}. Hint: the "
                    f"job needs to read the table {RUNS.name} (roles/bigquery.dataEditor)."
                ) from None


@functools.lru_cache(maxsize=8)
def of(project: str, dataset: str, endpoint: str | None, claim_id: str) -> ClaimWatch:
    """Returns the watch of a run, one for all steps of a process."""
    client = rest_client(project, endpoint)
    table = f"{project}.{dataset}.{RUNS.name}"

    def rows() -> list[Row]:
        found = client.list_rows(table, selected_fields=_COLUMNS, retry=None, timeout=_ATTEMPT_SEC)
        return [dict(row) for row in found]

    return ClaimWatch(claim_id, f"{project}.{dataset}", rows)

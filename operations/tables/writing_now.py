"""Says that a job is writing to tables that are checked: half of what it writes looks wrong."""

from __future__ import annotations

from google.api_core import exceptions
from google.cloud import bigquery

from operations import bigquery_client
from operations.runs.run import Run
from operations.runs.runs_table import in_order
from transforms.payment.tables import RUNS


def holder(client: bigquery.Client, dataset: str) -> Run | None:
    """Returns the run that holds the tables, None when nobody does or nobody says.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    name = f"{client.project}.{dataset}.{RUNS.name}"
    try:
        rows = client.list_rows(name, retry=bigquery_client.RETRY)
        found = [Run.from_row(dict(row)) for row in rows]
    except exceptions.NotFound:
        return None
    if not any(run.is_root for run in found):
        return None
    newest = in_order(found)[-1]
    return newest if newest.stands else None


def hint(run: Run) -> str:
    """Returns what a finding may be while this run writes, in a line."""
    return (
        f"hint: {run.describe()}, holds these tables. It writes them seconds apart, at its "
        "checkpoints, and partitions do not advance together: what is missing above the oldest "
        "record that is still on its way is no finding. Check again: one that is gone then was no "
        "more than that. `payments runs list` tells who writes; `payments runs end` notes that a "
        "run is over which nobody has noted."
    )

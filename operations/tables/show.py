"""Prints a table or a view."""

from __future__ import annotations

import difflib
from typing import Any

from google.cloud import bigquery

from operations import bigquery_client
from operations.errors import UsageError
from operations.tables.sql_files import View
from transforms.payment.tables import ALL_TABLES


def find(name: str, views: list[View]) -> View | None:
    """Returns the view of that name, None for a table.

    Raises:
        UsageError: there is neither.
    """
    found = {view.name: view for view in views}
    names = [*(table.name for table in ALL_TABLES), *sorted(found)]
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(names)}"
        raise UsageError(f"there is no table or view {name!r}. Hint: {hint}")
    return found.get(name)


def rows(
    client: bigquery.Client, dataset: str, name: str, view: View | None, limit: int
) -> tuple[list[str], list[list[Any]]]:
    """Returns the names of the columns, and rows of a table or view in no order.

    A table is listed, for which BigQuery charges nothing; a view is asked, over all that it reads.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    where = f"{client.project}.{dataset}.{name}"
    if view is None:
        found = client.list_rows(
            client.get_table(where, retry=bigquery_client.RETRY),
            max_results=limit,
            retry=bigquery_client.RETRY,
        )
    else:
        found = bigquery_client.result(client, f"SELECT * FROM `{where}` LIMIT {limit}")
    columns = [field.name for field in found.schema]
    return columns, [[row[at] for at in range(len(columns))] for row in found]

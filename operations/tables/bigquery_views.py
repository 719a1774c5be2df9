"""Creates the audit views, and compares them with sql/audit."""

from __future__ import annotations

from collections.abc import Sequence

from google.api_core import exceptions
from google.cloud import bigquery

from operations.bigquery_client import RETRY
from operations.tables.sql_files import View


def create(client: bigquery.Client, dataset: str, views: Sequence[View]) -> list[str]:
    """Makes the views that are missing or ask something else; returns their names.

    The API does what CREATE OR REPLACE VIEW does, and keeps the query letter by letter, so that it
    can be compared; who may read the view stays as it is.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused.
    """
    name = f"{client.project}.{dataset}"
    made = []
    for view in views:
        found = _query_of(client, f"{name}.{view.name}")
        query = view.query_in(name)
        if _same(found, query):
            continue
        wanted = bigquery.Table(f"{name}.{view.name}")
        wanted.view_query = query
        wanted.description = view.question
        if found is None:
            client.create_table(wanted, retry=RETRY)
        else:
            client.update_table(wanted, ["view_query", "description"], retry=RETRY)
        made.append(view.name)
    return made


def outdated(client: bigquery.Client, dataset: str, views: Sequence[View]) -> list[str]:
    """Returns the names of the views that `create` would make or change; raises as it does."""
    name = f"{client.project}.{dataset}"
    return [
        view.name
        for view in views
        if not _same(_query_of(client, f"{name}.{view.name}"), view.query_in(name))
    ]


def diff(client: bigquery.Client, dataset: str, views: Sequence[View]) -> list[str]:
    """Returns one line per view that is missing or asks something else, [] when all are right.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: BigQuery refused, a missing view excepted.
    """
    name = f"{client.project}.{dataset}"
    lines = []
    for view in views:
        found = _query_of(client, f"{name}.{view.name}")
        if found is None:
            lines.append(f"view {name}.{view.name} is missing")
        elif not _same(found, view.query_in(name)):
            lines.append(f"view {name}.{view.name} is not what sql/audit/{view.name}/view.sql says")
    return lines


def _query_of(client: bigquery.Client, view: str) -> str | None:
    """Returns the query of a view, None when there is none; "" of a table with its name."""
    try:
        return client.get_table(view, retry=RETRY).view_query or ""
    except exceptions.NotFound:
        return None


def _same(found: str | None, query: str) -> bool:
    # Made by `bq` from the file, it may have lost the white space around it.
    return found is not None and found.split() == query.split()

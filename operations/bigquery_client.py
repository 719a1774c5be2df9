"""Makes the BigQuery client of all programs: queries with limits, errors in a line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from transforms.bigquery import connection
from transforms.payment.tables import Table

# The client's own limit is ten minutes; a person wonders sooner.
_RETRY_SEC = 15
RETRY = DEFAULT_RETRY.with_timeout(_RETRY_SEC)
# One query, however often it is asked whether it is done. Ours take seconds.
QUERY_SEC = 600.0
# What a user or a network can do wrong; anything else is a bug and keeps its stack trace.
ERRORS = (
    exceptions.GoogleAPIError,
    auth_exceptions.GoogleAuthError,
    requests.RequestException,
    TimeoutError,
)
# 50,000 rows of 300 bytes are 15 MB; Google cuts pages at 20 MB anyway.
_PAGE_ROWS = 50_000


def connect(project: str, endpoint: str | None) -> bigquery.Client:
    """Returns a client of Google's BigQuery, or of the stand-in at `endpoint` (host:port)."""
    return connection.rest_client(project, endpoint)


@contextlib.contextmanager
def errors(raised_as: type[Exception], where: str, endpoint: str | None) -> Iterator[None]:
    """Turns what BigQuery's client raises into one line with a hint, raised as `raised_as`.

    Args:
        where: PROJECT.DATASET, for the hint.
        endpoint: host:port of a stand-in, None for Google's service.
    """
    try:
        yield
    except ERRORS as error:
        raise raised_as(told(error, where, endpoint)) from None


def told(error: Exception, where: str, endpoint: str | None) -> str:
    """Returns what one of ERRORS means, in one line with a hint; arguments as above."""
    if isinstance(error, auth_exceptions.GoogleAuthError):
        return (
            f"no credentials for BigQuery: {_one_line(str(error))}. Hint: `gcloud auth "
            "application-default login`, or GOOGLE_APPLICATION_CREDENTIALS names a key"
        )
    if isinstance(error, TimeoutError):
        return f"BigQuery at {endpoint or 'Google'} has not answered a query for {QUERY_SEC:g} s"
    if isinstance(error, exceptions.GoogleAPICallError):
        return _refused(error, where)
    return (
        f"BigQuery does not answer at {endpoint or 'Google'} (tried for {_RETRY_SEC} s): "
        f"{type(error).__name__}. Hint: is it running?"
    )


def _refused(error: exceptions.GoogleAPICallError, where: str) -> str:
    if isinstance(error, exceptions.NotFound):
        return (
            f"a table of {where} is missing: {_one_line(error.message)}. Hint: `payments "
            f"tables create --bigquery_dataset={where}`"
        )
    if isinstance(error, exceptions.Unauthorized):
        return f"BigQuery does not take these credentials: {_one_line(error.message)}"
    if isinstance(error, exceptions.Forbidden):
        return (
            f"no permission on {where}: {_one_line(error.message)}. Hint: "
            "roles/bigquery.dataEditor on the dataset, roles/bigquery.jobUser on the project"
        )
    return f"BigQuery refused: {_one_line(error.message)}"


def rows(
    client: bigquery.Client, sql: str, settings: bigquery.QueryJobConfig | None = None
) -> Iterator[list[Any]]:
    """Runs one statement, once, and returns the cells of each row as they come."""
    for row in result(client, sql, settings, page_size=_PAGE_ROWS):
        yield [row[number] for number in range(len(row))]  # values() would copy deeply


def parameters(table: Table, values: Mapping[str, Any]) -> bigquery.QueryJobConfig:
    """Returns the values of a statement's parameters; a name is a column of the table, or text."""
    types: dict[str, str] = {column.name: column.type for column in table.columns}
    return bigquery.QueryJobConfig(
        query_parameters=[
            bigquery.ScalarQueryParameter(name, types.get(name, "STRING"), value)
            for name, value in values.items()
        ]
    )


def result(
    client: bigquery.Client,
    sql: str,
    settings: bigquery.QueryJobConfig | None = None,
    page_size: int | None = None,
) -> Any:
    """Runs one statement, once, and returns its rows. Raises ERRORS."""
    job = client.query(sql, job_config=settings, retry=RETRY, job_retry=None, timeout=QUERY_SEC)
    return job.result(page_size=page_size, retry=RETRY, timeout=QUERY_SEC)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]

"""A REST client of BigQuery, for launchers, tools and the step that asks for its claim."""

from __future__ import annotations

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery


def rest_client(project: str, endpoint: str | None) -> bigquery.Client:
    """Returns a client of Google's BigQuery, or of the stand-in at `endpoint` (host:port)."""
    if endpoint is None:
        return bigquery.Client(project=project)
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(api_endpoint=f"http://{endpoint}"),  # type: ignore[no-untyped-call]
    )

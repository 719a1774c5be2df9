"""A REST client of BigQuery, for launchers, tools and the step that asks for its claim."""

from __future__ import annotations

import functools
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

# One request that is no query. BigQuery answers within a second or two; the stand-in may be busy
# with the query of somebody else.
ANSWER_SEC = 120.0


def rest_client(project: str, endpoint: str | None) -> bigquery.Client:
    """Returns a client of Google's BigQuery, or of the stand-in at `endpoint` (host:port)."""
    if endpoint is None:
        client = bigquery.Client(project=project)
    else:
        client = bigquery.Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options=ClientOptions(api_endpoint=f"http://{endpoint}"),  # type: ignore[no-untyped-call]
        )
    # By itself the client waits for ever for a server that takes a request and says nothing.
    session = client._http
    session.request = functools.partial(_request, session.request)
    return client


def _request(request: Any, *arguments: Any, timeout: Any = None, **others: Any) -> Any:
    return request(*arguments, timeout=ANSWER_SEC if timeout is None else timeout, **others)

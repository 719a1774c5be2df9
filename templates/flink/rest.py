"""A REST service is asked, and its answer read."""

from __future__ import annotations

import http.client
import json
from typing import Any

_ANSWER_TIMEOUT_SEC = 5


def get_json(address: str, path: str) -> Any:
    """Returns what the service at host:port answers.

    Raises:
        OSError, http.client.HTTPException: it does not answer.
        ValueError: not with 200, or not in JSON.
    """
    connection = http.client.HTTPConnection(address, timeout=_ANSWER_TIMEOUT_SEC)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise ValueError(f"{path} answers {response.status}")
        return json.loads(body)
    finally:
        connection.close()

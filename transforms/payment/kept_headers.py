"""The headers that a dead letter keeps, as text that a person and a query can read.

    [{"name": "ce_id", "value": "e-1"}, {"name": "trace", "value_base64": "/wA="}]

A value that is no UTF-8 is in base64; a null stays one. Names that stand twice are kept twice, and
the order is that of the record.
"""

from __future__ import annotations

import base64
from typing import Any

import orjson

from transforms.payment.transaction import Headers


def packed(headers: Headers) -> str:
    """Returns headers as JSON text."""
    return orjson.dumps([_said(name, value) for name, value in headers]).decode()


def unpacked(text: str) -> Headers:
    """Returns what `packed` was called on.

    Raises:
        ValueError: it is no such text.
    """
    return headers_of(orjson.loads(text))


def headers_of(said: Any) -> Headers:
    """Returns the headers that a value of JSON says.

    Raises:
        ValueError: it is another value.
    """
    if not isinstance(said, list):
        raise ValueError(f"headers must be an array of objects, got {said!r:.80}")
    return tuple(map(_header, said))


def _said(name: str, value: bytes | None) -> dict[str, str | None]:
    try:
        return {"name": name, "value": None if value is None else value.decode()}
    except UnicodeDecodeError:
        return {"name": name, "value_base64": base64.b64encode(value or b"").decode()}


def _header(said: Any) -> tuple[str, bytes | None]:
    match said:
        case {"name": str(name), "value": None, **rest} if not rest:
            return name, None
        case {"name": str(name), "value": str(value), **rest} if not rest:
            return name, value.encode()
        case {"name": str(name), "value_base64": str(value), **rest} if not rest:
            return name, base64.b64decode(value, validate=True)
    raise ValueError(f"a header must be an object of name and value or value_base64, got {said!r}")

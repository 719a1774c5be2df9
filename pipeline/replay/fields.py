"""How is one field set in a payload, with everything else kept as it is?"""

from __future__ import annotations

import json
from typing import Any

Setting = tuple[str, Any]


def setting(text: str) -> Setting:
    """Returns what `field=value` sets: a value that is JSON as JSON, any other as text.

    currency=EUR, amount_minor=1250, country=null, account_id="17" (a string, for its quotes).

    Raises:
        ValueError: there is no field or no equals sign.
    """
    field, separator, value = text.partition("=")
    if not (field and separator):
        raise ValueError(f"must be FIELD=VALUE, got {text!r}")
    try:
        return field, json.loads(value)
    except ValueError:
        return field, value


def changed(payload: bytes | None, settings: list[Setting]) -> bytes:
    """Returns the payload with the fields set; other fields keep their order and values.

    Raises:
        ValueError: it is no JSON object, or a field stands twice and one would have to be chosen.
    """
    if payload is None:
        raise ValueError("a tombstone has no fields")
    fields = json.loads(payload.decode(), object_pairs_hook=_once)
    if not isinstance(fields, dict):
        raise ValueError("the payload is no JSON object")
    fields |= settings
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice")
    return fields

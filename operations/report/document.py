"""A report for programs: plain values, amounts as exact text."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from operations.report.day import Day
from transforms.payment.outcome import Outcome

# What the cells add up to is told by name; the rest is as it stands.
_NOT_TOLD = {"cells", "twice"}


def of(found: Day) -> dict[str, Any]:
    """Returns the document."""
    told = {
        field.name: _plain(getattr(found, field.name))
        for field in dataclasses.fields(found)
        if field.name not in _NOT_TOLD
    }
    return {
        "state": found.state.value,
        "well": found.well,
        "last_line": found.last_line(),
        "read": found.read,
        "outcomes": _plain(found.outcomes),
        "missing": found.missing,
        "double": found.double,
        "unknown": found.unknown,
        "currencies": _plain(found.money),
        "by_bucket": [
            {
                "from": dt.datetime.fromtimestamp(bucket // 1_000_000, dt.UTC).isoformat(),
                **{outcome.value: rows[outcome] for outcome in Outcome if outcome in rows},
            }
            for bucket, rows in found.by_bucket().items()
        ],
        "ids_counted_twice": _plain(found.twice),
        **told,
    }


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, default=_told, option=orjson.OPT_NON_STR_KEYS))


def _told(value: Any) -> Any:
    """Returns what orjson takes for what it does not: exact numbers as text, records by name."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no document holds {type(value).__name__}")

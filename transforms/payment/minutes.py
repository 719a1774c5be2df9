"""Minutes of event time. They begin at the epoch, as BigQuery truncates them."""

from __future__ import annotations

MINUTE_US = 60_000_000


def minute_of(moment_us: int) -> int:
    """Returns the first microsecond of the minute of `moment_us`, both since the epoch."""
    return moment_us - moment_us % MINUTE_US

"""The pace at which a tool queries tables that it waits for."""

from __future__ import annotations

_PAUSE_SEC_MIN, _PAUSE_SEC_MAX = 2.0, 10.0
# A poll is a query over all that it asks of: a fifth of the time may go to polling.
_PAUSE_PER_LOOK = 4


def pause_sec(took_sec: float, left_sec: float) -> float:
    """Returns how long to wait before the next poll, in seconds.

    Args:
        took_sec: how long the poll took that has just ended.
        left_sec: how long may be waited at all.
    """
    pause = min(max(_PAUSE_SEC_MIN, _PAUSE_PER_LOOK * took_sec), _PAUSE_SEC_MAX)
    return max(0.0, min(pause, left_sec))

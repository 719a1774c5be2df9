"""Ranges of the numbers that flags hold: the least and the greatest value, and why.

No Beam here: the tools check the flags that they share with the job by the same ranges.
"""

from __future__ import annotations

from typing import NamedTuple

from transforms.payment.number_limits import HORIZON_SEC_MAX

_HOUR_SEC = 3_600
_DAY_SEC = 86_400
_DAY_MS = _DAY_SEC * 1_000
# Flink's own (CheckpointConfig.MINIMAL_CHECKPOINT_TIME).
_CHECKPOINT_MS_MIN = 10
# Frames of 64 KiB, with 28 bytes more for each record: 72 MB. Beam's Flink runner takes what a
# bundle puts out when the bundle is over, and until then has room for 100 messages of 1 MB.
BUNDLE_SIZE_MAX = 1_000


class Range(NamedTuple):
    """What a flag may hold, both ends included; `hint` says why not more, or less."""

    least: int
    most: int
    hint: str = ""


RANGES = {
    "--clock_skew_sec": Range(0, _DAY_SEC, "a clock that is further off is broken."),
    "--allowed_lateness_sec": Range(0, HORIZON_SEC_MAX),
    "--totals_every_sec": Range(1, 3_600, "a total is of one minute."),
    "--account_memory_sec": Range(
        _HOUR_SEC,
        366 * _DAY_SEC,
        "indicators look back for an hour, and every account is kept in state for as long as this.",
    ),
    "--checkpointing_interval": Range(
        _CHECKPOINT_MS_MIN,
        _DAY_MS,
        "milliseconds. On Flink rows are written only at checkpoints; without them nothing is "
        "exactly once.",
    ),
    "--min_pause_between_checkpoints": Range(-1, _DAY_MS, "milliseconds; -1 is no pause."),
    "--checkpoint_timeout_millis": Range(_CHECKPOINT_MS_MIN, _DAY_MS, "milliseconds."),
    "--max_bundle_time_mills": Range(1, 60_000, "milliseconds; a checkpoint waits for bundles."),
    "--max_bundle_size": Range(
        1,
        BUNDLE_SIZE_MAX,
        "an element is a frame of up to 500 records, and Beam stands still for ever over a bundle "
        "that puts out more than 100 MB (docs/decisions/0016).",
    ),
}


def problem(flag: str, value: int) -> str | None:
    """Returns what is wrong with the value of a flag in one line, None for a good one."""
    least, most, hint = RANGES[flag]
    if least <= value <= most:
        return None
    return f"{flag} must be from {least} to {most}, got {value}." + (hint and f" Hint: {hint}")


def problem_of_horizon(allowed_lateness_sec: int, clock_skew_sec: int) -> str | None:
    """Returns why ids cannot be remembered as long as these two ask for, None when they can."""
    most = HORIZON_SEC_MAX - clock_skew_sec
    if allowed_lateness_sec <= most:
        return None
    return (
        f"--allowed_lateness_sec must be at most {most} with --clock_skew_sec={clock_skew_sec}, "
        f"got {allowed_lateness_sec}. Hint: an id is remembered for both together, and state holds "
        f"times of {HORIZON_SEC_MAX} s, {HORIZON_SEC_MAX // _DAY_SEC} days."
    )

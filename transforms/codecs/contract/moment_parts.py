"""Times that a record has in parts: seconds and nanos, or year, month, day and so on."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from transforms.codecs.contract.kinds import kind_of
from transforms.payment.dead_letter import Reason, Rejected

# As JSON has them: of google.protobuf.Timestamp, of Firestore, of java.time.Instant.
SECONDS = ("seconds", "_seconds", "epochSecond")
NANOS = ("nanos", "_nanoseconds", "nanoseconds", "nano")
# The parts of a local time in order, each as it may be called.
PARTS = (
    *(("year",), ("month",), ("day",)),
    *(("hours", "hour"), ("minutes", "minute"), ("seconds", "second"), NANOS),
)
_OFFSETS = ("utc_offset", "utcOffset", "time_zone", "timeZone", "offset", "zone")
# A day, or a clock with minutes at least: an hour alone is nobody's format.
_LENGTHS = (3, 5, 6, 7)
_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NANOS = range(10**9)


def _bad(what: str, required: str, value: object) -> Exception:
    return Rejected(Reason.BAD_EVENT_TIME, f"{what} must be {required}, got {str(value)[:60]!r}")


def _wrong_type(what: str, required: str, value: object) -> Exception:
    return Rejected(Reason.WRONG_TYPE, f"{what} must be {required}, got {kind_of(value)}")


def seconds_nanos(what: str, value: Any) -> tuple[int, int]:
    """Returns seconds since 1970, and nanoseconds of the second. Raises Rejected."""
    if not isinstance(value, dict):
        raise _wrong_type(what, "an object of seconds and nanos", value)
    seconds, nanos = _part(what, value, SECONDS), _part(what, value, NANOS)
    if seconds is None or (nanos or 0) not in _NANOS:
        raise _bad(what, "of whole seconds, and nanos from 0 to 999999999", value)
    return seconds, nanos or 0


def local_time(what: str, value: Any) -> dt.datetime:
    """Returns a time without an offset. Raises Rejected."""
    if isinstance(value, dict):
        if any(value.get(name) is not None for name in _OFFSETS):
            raise _bad(what, "of a local time without an offset", value)
        parts = [_part(what, value, names) for names in PARTS]
        parts[3:] = [part or 0 for part in parts[3:]]
    elif isinstance(value, list):
        parts = [_whole(each) for each in value]
        if len(parts) not in _LENGTHS:
            raise _bad(what, "of 3, 5, 6 or 7 whole numbers, year first", value)
    else:
        raise _wrong_type(what, "an array or an object of year, month, day", value)
    return _moment(what, parts, value)


def _moment(what: str, parts: Sequence[int | None], value: Any) -> dt.datetime:
    known = [part for part in parts if part is not None]
    nanos = known[6] if len(known) > 6 else 0
    if len(known) < len(parts) or nanos not in _NANOS:
        raise _bad(what, "of whole numbers: year, month, day, hour …, nanos", value)
    try:
        year, month, day, hour, minute, second = (*known[:6], 0, 0, 0)[:6]
        return dt.datetime(year, month, day, hour, minute, second, nanos // 1_000)
    except (ValueError, OverflowError) as error:  # a 30th of February
        raise Rejected(Reason.BAD_EVENT_TIME, f"{what} {str(value)[:60]!r}: {error}") from None


def _part(what: str, value: dict[str, Any], names: Sequence[str]) -> int | None:
    """Returns the part that one of the names has, None for no whole number."""
    found = [value[name] for name in names if value.get(name) is not None]
    if len(found) > 1:
        raise _bad(what, f"of one of {', '.join(names)}", value)
    if not found:
        return None
    whole = _whole(found[0])
    if whole is None:
        raise _bad(what, f"of a whole number of {names[0]}", value)
    return whole


def _whole(value: Any) -> int | None:
    if type(value) is str and _WHOLE.fullmatch(value):  # int64 in Protobuf's JSON
        return int(value)
    return value if type(value) is int else None

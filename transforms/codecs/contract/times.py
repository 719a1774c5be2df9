"""Times to microseconds since the epoch, UTC. What could mean two moments is refused."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from transforms.codecs.contract import moment_parts
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Field, Time
from transforms.codecs.contract.schema_values import Days, Moment
from transforms.payment.dead_letter import Reason, Rejected

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = dt.date(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
_SECOND_US = 1_000_000
# 2000-01-01 and 2100-01-01: the same number in another unit lies outside, by a thousand or more.
_PLAUSIBLE_YEAR = 2000
PLAUSIBLE_US = range(946_684_800 * _SECOND_US, 4_102_444_800 * _SECOND_US)

_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TICKS = re.compile(r"-?[0-9]{1,25}", re.ASCII)
_DECIMAL_TICKS = re.compile(r"([0-9]{1,12})\.([0-9]{1,9})", re.ASCII)
PER_SECOND = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 10**9}

Reader = Callable[[Any], int]


def reader(field: Field, what: str) -> Reader:
    """Returns the function that turns the value of a field into microseconds.

    Args:
        field: of a time.
        what: the name of the value in details.
    """
    if field.kind in PER_SECOND:
        return _epoch(what, PER_SECOND[field.kind])
    return _READERS[field.kind](what, field.time)


def _bad(what: str, required: str, value: object) -> Exception:
    return Rejected(Reason.BAD_EVENT_TIME, f"{what} must be {required}, got {str(value)[:40]!r}")


def _text(what: str, value: Any) -> str:
    if type(value) is not str:
        raise Rejected(Reason.WRONG_TYPE, f"{what} must be a string, got {kind_of(value)}")
    return value


def _micros(moment: dt.datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def _parsed(what: str, text: str, value: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:  # a 30th of February
        raise Rejected(Reason.BAD_EVENT_TIME, f"{what} {value[:40]!r}: {error}") from None


def _rfc3339_utc(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        text = _text(what, value)
        if not _UTC.fullmatch(text):
            raise _bad(what, "RFC 3339 in UTC with at most microseconds", text)
        return _micros(_parsed(what, text, text))

    return read


def _rfc3339(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        text = _text(what, value)
        match = _RFC3339.fullmatch(text)
        if not match:
            raise _bad(what, "RFC 3339 with Z or an offset", text)
        date, clock, fraction, offset = match.groups(default="")
        # Finer than microseconds is cut: Beam and BigQuery hold no more, and no fact is a time.
        moment = _parsed(what, f"{date}T{clock}{fraction[:7]}{offset.upper()}", text)
        try:
            return _micros(moment)
        except OverflowError:
            raise _bad(what, "a time of this calendar", text) from None

    return read


def _local(what: str, moment: dt.datetime, time: Time, value: object) -> int:
    """Returns the moment at which clocks of the zone show a time, if there is exactly one."""
    zone = _zone(time)
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    try:
        # Where clocks are put forward, no moment shows the time: it comes back as another.
        shown = first.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None)
        early, late = _micros(first.astimezone(dt.UTC)), _micros(second.astimezone(dt.UTC))
    except OverflowError:
        raise _bad(what, "a time of this calendar", value) from None
    if shown != moment:
        raise _bad(what, f"a time that clocks in {time.zone} show", value)
    if early != late and time.ambiguous == "reject":
        raise _bad(what, f"a time that clocks in {time.zone} show once", value)
    return late if time.ambiguous == "later" else early


def _zone(time: Time) -> zoneinfo.ZoneInfo:
    assert time.zone, "load.py requires a zone"
    return zoneinfo.ZoneInfo(time.zone)


def _iso_local(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        text = _text(what, value)
        match = _LOCAL.fullmatch(text)
        if not match:
            raise _bad(what, "such as 2026-11-23 08:15:30, without an offset", text)
        date, clock, fraction = match.groups(default="")
        return _local(what, _parsed(what, f"{date}T{clock}{fraction[:7]}", text), time, text)

    return read


def _date(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        text = _text(what, value)
        if not _DATE.fullmatch(text):
            raise _bad(what, "a date such as 2026-11-23", text)
        return _local(what, _parsed(what, text, text), time, text)

    return read


def _epoch_days(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        days = value.days if isinstance(value, Days) else value
        if type(days) is not int:
            raise Rejected(Reason.WRONG_TYPE, f"{what} must be a number of days")
        if not 10_957 <= days < 47_482:  # 2000-01-01 to 2100-01-01
            raise _bad(what, "days from 2000 to 2100 (unit?)", days)
        day = _EPOCH_DAY + dt.timedelta(days=days)
        return _local(what, dt.datetime(day.year, day.month, day.day), time, days)

    return read


def _pattern(what: str, time: Time) -> Reader:
    pattern = time.pattern or ""

    def read(value: Any) -> int:
        text = str(value) if type(value) is int else _text(what, value)
        try:
            moment = dt.datetime.strptime(text, pattern)
        except (ValueError, OverflowError) as error:
            raise Rejected(Reason.BAD_EVENT_TIME, f"{what}: {str(error)[:200]}") from None
        if "%y" in pattern and moment.year < _PLAUSIBLE_YEAR:
            raise _bad(what, "of a year from 2000 on", text)
        if moment.tzinfo is None:
            return _local(what, moment, time, text)
        try:
            return _micros(moment)
        except OverflowError:
            raise _bad(what, "a time of this calendar", text) from None

    return read


def _seconds_nanos(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        seconds, nanos = moment_parts.seconds_nanos(what, value)
        micros = seconds * _SECOND_US + nanos // 1_000  # cut
        if micros not in PLAUSIBLE_US:
            raise _bad(what, "between 2000 and 2100 in seconds (unit?)", seconds)
        return micros

    return read


def _parts(what: str, time: Time) -> Reader:
    return lambda value: _local(what, moment_parts.local_time(what, value), time, value)


def _epoch(what: str, per_second: int) -> Reader:
    def read(value: Any) -> int:
        # int(…) of a float would round; its shortest text does not.
        if type(value) is int:
            micros = ticks_to_us(value, per_second)
        elif type(value) in (str, float):
            micros = _spelled_ticks(what, str(value), per_second)
        else:
            required = "a number since 1970"
            raise Rejected(Reason.WRONG_TYPE, f"{what} must be {required}, got {kind_of(value)}")
        if micros not in PLAUSIBLE_US:
            raise _bad(what, "between 2000 and 2100 in this unit (unit?)", value)
        return micros

    return read


def ticks_to_us(ticks: int, per_second: int) -> int:
    """Returns microseconds; what is finer is cut."""
    if per_second > _SECOND_US:
        return ticks // (per_second // _SECOND_US)
    return ticks * (_SECOND_US // per_second)


def _spelled_ticks(what: str, text: str, per_second: int) -> int:
    if _TICKS.fullmatch(text):
        return ticks_to_us(int(text), per_second)
    match = _DECIMAL_TICKS.fullmatch(text)
    if not match:
        raise _bad(what, "a number since 1970", text)
    whole, fraction = match.groups()
    nanos = int(fraction.ljust(9, "0"))
    if per_second > _SECOND_US:
        return ticks_to_us(int(whole), per_second)
    tick_us = _SECOND_US // per_second
    return int(whole) * tick_us + nanos * tick_us // 10**9


def _timestamp(what: str, time: Time) -> Reader:
    def read(value: Any) -> int:
        if not isinstance(value, Moment):
            raise Rejected(
                Reason.WRONG_TYPE, f"{what} must be a timestamp by its schema, got {kind_of(value)}"
            )
        micros = ticks_to_us(value.ticks, value.per_second)
        if micros not in PLAUSIBLE_US:
            raise _bad(what, "between 2000 and 2100", value.ticks)
        if not value.local:
            return micros
        if time.zone is None:
            raise _bad(what, "of a zone that the contract says: the schema has local times", micros)
        moment = (EPOCH + micros * _MICROSECOND).replace(tzinfo=None)
        return _local(what, moment, time, moment.isoformat())

    return read


_READERS: Mapping[str, Callable[[str, Time], Reader]] = {
    "rfc3339": _rfc3339,
    "rfc3339_utc": _rfc3339_utc,
    "iso_local": _iso_local,
    "date": _date,
    "epoch_days": _epoch_days,
    "pattern": _pattern,
    "seconds_nanos": _seconds_nanos,
    "parts": _parts,
    "timestamp": _timestamp,
}

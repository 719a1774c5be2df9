"""Times as a contract has them written, and how finely it can say them."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from simulator.contracts.forms import Leaf
from transforms.codecs.contract import moment_parts
from transforms.codecs.contract.language import DAY_KINDS, Field

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_US = dt.timedelta(microseconds=1)
_SECOND_US = 1_000_000
_TICKS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": _SECOND_US, "epoch_ns": 10**9}
_FRACTION = re.compile(r"\.(\d+)")
_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)$")
_FINEST = (("%f", 1), ("%S", _SECOND_US), ("%M", 60 * _SECOND_US), ("%H", 3_600 * _SECOND_US))

ToText = Callable[[dt.datetime], str]


class TimeForm(NamedTuple):
    """How a time is written.

    Attributes:
        sayable: microseconds to the microseconds that can be said.
        write: those to the value in the record.
        bad: a value that is no such time.
    """

    sayable: Callable[[int], int]
    write: Callable[[int], Any]
    bad: Callable[[int], Any]


def form_of(field: Field, leaf: Leaf, sample: Any, protobuf: bool) -> TimeForm:
    """Returns how a contract has a time written.

    Args:
        field: of the time.
        leaf: what the schema says of it.
        sample: a value of it.
        protobuf: whether a timestamp is a message.
    """
    if field.kind in _TICKS or field.kind == "timestamp":
        return _ticks(field, leaf, sample, protobuf)
    if field.kind in DAY_KINDS:
        return _days(field)
    if field.kind in _BY_KIND:
        return _BY_KIND[field.kind](field, sample)
    text = sample if isinstance(sample, str) else ""
    if field.kind == "iso_local":
        return _texts(field, _places(text, 0), lambda moment: moment.replace(tzinfo=None), text)
    utc = field.kind == "rfc3339_utc"
    zone = dt.UTC if utc else _offset(text)
    return _texts(field, _places(text, 6 if utc else 3), lambda it: it.astimezone(zone), text)


def moment_of(us: int) -> dt.datetime:
    """Returns microseconds since the epoch as a time."""
    return _EPOCH + us * _US


def _micros(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _US


def _floor(step_us: int) -> Callable[[int], int]:
    return lambda us: us - us % step_us


def _ticks(field: Field, leaf: Leaf, sample: Any, protobuf: bool) -> TimeForm:
    per_second = _TICKS.get(field.kind) or leaf.per_second or 1
    zone = zoneinfo.ZoneInfo(field.time.zone) if leaf.local and field.time.zone else None

    def ticks(us: int) -> int:
        return us * per_second // _SECOND_US

    def written(us: int) -> Any:
        if zone is not None:
            us = _micros(moment_of(us).astimezone(zone).replace(tzinfo=dt.UTC))
        if field.kind == "timestamp" and protobuf:
            seconds, micros = divmod(us, _SECOND_US)
            return {"seconds": seconds, "nanos": micros * 1_000}
        return str(ticks(us)) if isinstance(sample, str) else ticks(us)

    def another_unit(us: int) -> Any:
        return written(us * 1_000 if per_second == 1 and not protobuf else us // 1_000)

    floor = _floor(max(1, _SECOND_US // per_second))
    return TimeForm(_once(field, floor) if zone else floor, written, another_unit)


def _places(text: str, none: int) -> int:
    found = _FRACTION.search(text)
    if not text:
        return none
    return min(6, len(found[1])) if found else 0


def _offset(text: str) -> dt.tzinfo:
    found = _OFFSET.search(text)
    if not found:
        return dt.UTC
    away = dt.timedelta(hours=int(found[2]), minutes=int(found[3]))
    return dt.timezone(-away if found[1] == "-" else away)


def _texts(
    field: Field, places: int, shown: Callable[[dt.datetime], dt.datetime], sample: str
) -> TimeForm:
    zone = zoneinfo.ZoneInfo(field.time.zone) if field.time.zone else dt.UTC
    floor = _floor(10 ** (6 - places))
    blank = " " if " " in sample else "T"

    def written(us: int) -> str:
        moment = shown(moment_of(us).astimezone(zone))
        text = moment.isoformat(blank, "microseconds" if places else "seconds")
        if places and places < 6:
            text = text[:20] + text[20 : 20 + places] + text[26:]
        return text.replace("+00:00", "Z") if sample.endswith("Z") or not sample else text

    local = field.kind == "iso_local"
    return TimeForm(
        _once(field, floor) if local else floor,
        written,
        lambda us: "2026-02-30T08:15:30" if local else written(us)[:19],
    )


def _once(field: Field, floor: Callable[[int], int]) -> Callable[[int], int]:
    """Returns what keeps away from the hour that clocks of the zone show twice."""
    zone = zoneinfo.ZoneInfo(field.time.zone or "UTC")

    def sayable(us: int) -> int:
        moment = moment_of(floor(us)).astimezone(zone)
        first, second = (moment.replace(fold=fold).utcoffset() for fold in (0, 1))
        return floor(us) if first == second else floor(us) - 2 * 3_600 * _SECOND_US

    return sayable


def _days(field: Field) -> TimeForm:
    zone = zoneinfo.ZoneInfo(field.time.zone or "UTC")

    def begin(us: int) -> int:
        day = moment_of(us).astimezone(zone)
        midnight = dt.datetime(day.year, day.month, day.day, tzinfo=zone)
        return _micros(midnight.astimezone(dt.UTC))

    def written(us: int) -> Any:
        day = moment_of(us).astimezone(zone).date()
        return day.isoformat() if field.kind == "date" else (day - _EPOCH.date()).days

    return TimeForm(begin, written, lambda us: "2026-02-30" if field.kind == "date" else 86_400_000)


def _seconds_nanos(field: Field, sample: Any) -> TimeForm:
    around = sample if isinstance(sample, dict) else {}
    seconds_at = next((name for name in moment_parts.SECONDS if name in around), "seconds")
    nanos_at = next((name for name in moment_parts.NANOS if name in around), "nanos")
    is_text = isinstance(around.get(seconds_at), str)

    def written(us: int) -> Any:
        seconds, micros = divmod(us, _SECOND_US)
        said = str(seconds) if is_text else seconds
        return {**around, seconds_at: said, nanos_at: micros * 1_000}

    return TimeForm(lambda us: us, written, lambda us: {**written(us), nanos_at: 10**9})


def _parts(field: Field, sample: Any) -> TimeForm:
    zone = zoneinfo.ZoneInfo(field.time.zone or "UTC")
    names = sample if isinstance(sample, dict) else None

    def written(us: int) -> Any:
        at = moment_of(us).astimezone(zone)
        parts = [*at.timetuple()[:6], at.microsecond * 1_000]
        if names is None:
            return parts
        spelled = [next((n for n in each if n in names), each[0]) for each in moment_parts.PARTS]
        return {**names, **dict(zip(spelled, parts, strict=True))}

    return TimeForm(_once(field, lambda us: us), written, lambda us: [2026, 2, 30])


def _pattern(field: Field, sample: Any) -> TimeForm:
    pattern = field.time.pattern or ""
    zone = zoneinfo.ZoneInfo(field.time.zone) if field.time.zone else dt.UTC
    step_us = next((us for word, us in _FINEST if word in pattern), 86_400 * _SECOND_US)

    def floor(us: int) -> int:
        if step_us < 86_400 * _SECOND_US:
            return us - us % step_us
        day = moment_of(us).astimezone(zone)
        return _micros(dt.datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(dt.UTC))

    return TimeForm(
        _once(field, floor) if field.time.zone and "%z" not in pattern else floor,
        lambda us: moment_of(us).astimezone(zone).strftime(pattern),
        lambda us: "?",
    )


_BY_KIND: Mapping[str, Callable[[Field, Any], TimeForm]] = {
    "seconds_nanos": _seconds_nanos,
    "parts": _parts,
    "pattern": _pattern,
}

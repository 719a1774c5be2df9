"""The fields of a contract, from YAML to data."""

from __future__ import annotations

import re
import zoneinfo

from transforms.codecs.contract import load_first_of
from transforms.codecs.contract.language import (
    AMOUNT_KINDS,
    FIELDS,
    IDS,
    LOCAL_KINDS,
    REQUIRED,
    TEXT_KINDS,
    TIME_KINDS,
    Field,
    Time,
)
from transforms.codecs.contract.load_absent import absent_of, closed
from transforms.codecs.contract.load_amount import amount_field
from transforms.codecs.contract.load_paths import part_of, path_of, paths_of
from transforms.codecs.contract.mistakes import Reading, Section, hint_of, one_of
from transforms.codecs.contract.yaml_tree import Value

_SOURCES = ("at", "join", "const", "absent")
_TEXT_KEYS = (*_SOURCES, "as", "separator", "before", "after", "case", "map")
_TIME_KEYS = ("at", "join", "separator", "as", "zone", "ambiguous", "pattern")
_PATTERN_WORDS = "%Y %y %m %d %H %M %S %f %z %a %A %b %B %I %p %j %%"
_PATTERN = re.compile(rf"(?:%[{_PATTERN_WORDS.replace('%', '').replace(' ', '')}%]|[^%])+")


def fields_of(reading: Reading, value: Value) -> dict[str, Field]:
    """Returns the fields that are said rightly."""
    section = reading.section(value, "fields", FIELDS)
    found = {}
    for name in FIELDS:
        given = section.get(name)
        if given is not None:
            found[name] = field_of(reading, name, f"fields.{name}", given)
    signed = found.get("amount")
    if signed and signed.amount.negative_is and signed.amount.positive_is:
        # The sign says the type of every payment.
        found.setdefault("payment_type", _nothing("payment_type", signed.line))
    for name in REQUIRED:
        if name not in found and name not in section:
            hint = f"fields.{name} is required. Hint: a path, such as `{name}: data.object.x`"
            if name == "account_id":
                hint += "; `{absent: null}` where the payer is unknown"
            reading.wrong(section.line, hint)
    for name in FIELDS[len(REQUIRED) :]:
        found.setdefault(name, _nothing(name, section.line))
    return found


def _nothing(name: str, line: int) -> Field:
    return Field(name, (), "text", line, optional=True)


def field_of(reading: Reading, name: str, where: str, value: Value) -> Field:
    """Returns one field; `name` says what it is in a payment."""
    if isinstance(value.data, dict) and "first_of" in value.data:
        return load_first_of.field_of(reading, name, where, value, field_of)
    if not isinstance(value.data, dict):
        path = path_of(reading, where, value)
        if name in ("amount", "event_time"):
            kinds = AMOUNT_KINDS if name == "amount" else TIME_KINDS
            reading.must(value, where, f"a mapping with at and as ({one_of(kinds)})")
        return Field(name, (path,) if path else (), _default_kind(name), value.line)
    if name == "amount":
        return amount_field(reading, where, value)
    if name == "event_time":
        return time_field(reading, name, where, value)
    return _text_field(reading, name, where, value)


def _default_kind(name: str) -> str:
    return "id" if name in IDS else "text"


def _text_field(reading: Reading, name: str, where: str, value: Value) -> Field:
    section = reading.section(value, where, _TEXT_KEYS)
    sources = [key for key in ("at", "join", "const") if key in section]
    if len(sources) > 1:
        both = " and ".join(sources)
        reading.wrong(section.line_of(sources[1]), f"{where} must have one source, got {both}")
    if not sources and "absent" not in section:
        reading.wrong(value.line, f"{where} must have a source: at, join or const")
    if "separator" in section and "join" not in section:
        reading.wrong(section.line_of("separator"), f"{where}.separator is for join alone")
    kinds = [kind for kind in TEXT_KINDS if kind != "iso_numeric" or name == "currency"]
    optional, absent = absent_of(section, name)
    return Field(
        name=name,
        paths=paths_of(section),
        kind=section.choice("as", kinds, _default_kind(name)),
        line=value.line,
        separator=_separator(section),
        const=_const(section, name),
        optional=optional,
        absent=absent,
        before=part_of(section, "before"),
        after=part_of(section, "after"),
        case=section.choice("case", ("upper", "lower"), "") or None,
        names=_names(section, name),
    )


def _separator(section: Section) -> str:
    return section.text("separator", ":") or ""


def _const(section: Section, name: str) -> str | None:
    const = section.text("const")
    if const is not None:
        closed(section, name, "const", const)
    return const


def _names(section: Section, name: str) -> dict[str, str] | None:
    value = section.get("map")
    if value is None:
        return None
    if not isinstance(value.data, dict) or not value.data:
        section.reading.must(value, section.name("map"), "a mapping of texts to texts")
        return None
    inner = section.reading.section(value, section.name("map"), value.data)
    names = {}
    for key in value.data:
        text = inner.text(key)
        if text is not None:
            names[key] = text
            closed(inner, name, key, text)
    return names


def time_field(reading: Reading, name: str, where: str, value: Value) -> Field:
    """Returns the field of a time."""
    section = reading.section(value, where, _TIME_KEYS)
    section.required("as", f". Hint: {one_of(TIME_KINDS)}")
    if "at" not in section and "join" not in section:
        section.required("at")
    kind = section.choice("as", TIME_KINDS, "rfc3339")
    zone, pattern = _zone(section), _pattern(section, kind)
    ambiguous = section.choice("ambiguous", ("earlier", "later", "reject"), "reject")
    local = kind in LOCAL_KINDS or (kind == "pattern" and pattern and "%z" not in pattern)
    if local and "zone" not in section:
        reading.wrong(
            value.line,
            f"{where}.zone is required: a time without an offset could mean any hour of a day. "
            "Hint: the zone of the clock that wrote it, such as UTC or Europe/Berlin",
        )
    if "join" in section and kind not in ("iso_local", "pattern", "rfc3339"):
        reading.wrong(section.line_of("join"), f"{where}.join is for times that are texts")
    return Field(
        name,
        paths_of(section),
        kind,
        value.line,
        separator=_separator(section) if "separator" in section else "T",
        time=Time(zone, ambiguous, pattern),
    )


def _zone(section: Section) -> str | None:
    zone = section.text("zone")
    if zone is None:
        return None
    if zone in zoneinfo.available_timezones():
        return zone
    value = section.get("zone")
    if value is not None:
        hint = hint_of(zone, ("UTC", *sorted(zoneinfo.available_timezones() - {"UTC"})))
        hint = hint if len(hint) < 60 else "Hint: UTC, or a name such as Europe/Berlin"
        section.reading.must(value, section.name("zone"), "a time zone", hint)
    return None


def _pattern(section: Section, kind: str) -> str | None:
    pattern = section.text("pattern")
    if kind == "pattern" and pattern is None:
        section.required("pattern", ". Hint: such as '%d.%m.%Y %H:%M:%S'")
    if pattern is None:
        return None
    if kind != "pattern":
        section.reading.wrong(
            section.line_of("pattern"), f"{section.name('pattern')} is for `as: pattern` alone"
        )
    value = section.get("pattern")
    if value is not None and not (_PATTERN.fullmatch(pattern) and _is_dated(pattern)):
        section.reading.must(
            value,
            section.name("pattern"),
            f"of {_PATTERN_WORDS}, with a year, month and day",
            "Hint: where the record says no year, `at: kafka:timestamp, as: epoch_ms`",
        )
        return None
    return pattern


def _is_dated(pattern: str) -> bool:
    """Returns whether a pattern says a day of a year."""
    has_year = "%Y" in pattern or "%y" in pattern
    has_month = any(word in pattern for word in ("%m", "%b", "%B"))
    return has_year and ((has_month and "%d" in pattern) or "%j" in pattern)

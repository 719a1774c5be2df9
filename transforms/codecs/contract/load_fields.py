"""The fields of a contract, from YAML to data."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Mapping

from transforms.codecs.contract import paths
from transforms.codecs.contract.language import (
    AMOUNT_KINDS,
    DIGITS_OF,
    FIELDS,
    IDS,
    LOCAL_KINDS,
    NULLABLE,
    REQUIRED,
    TEXT_KINDS,
    TIME_KINDS,
    Amount,
    Field,
    Path,
    Time,
)
from transforms.codecs.contract.mistakes import Reading, Section, hint_of, one_of
from transforms.codecs.contract.yaml_tree import Value
from transforms.payment.rules import MINOR_DIGITS, PAYMENT_TYPES

_SOURCES = ("at", "join", "const", "absent")
_TEXT_KEYS = (*_SOURCES, "as", "separator", "before", "after", "case", "map")
_AMOUNT_KEYS = (
    *("at", "as", "digits", "scale", "decimal_mark", "before", "after"),
    *("negative_is", "positive_is"),
)
_TIME_KEYS = ("at", "join", "separator", "as", "zone", "ambiguous", "pattern")
_DIGITS_MAX = 30
_PATTERN = re.compile(r"(?:%[YmdHMSfzyjbBpI%]|[^%])+")


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
    if not isinstance(value.data, dict):
        path = path_of(reading, where, value)
        if name in ("amount", "event_time"):
            kinds = AMOUNT_KINDS if name == "amount" else TIME_KINDS
            reading.must(value, where, f"a mapping with at and as ({one_of(kinds)})")
        return Field(name, (path,) if path else (), _default_kind(name), value.line)
    if name == "amount":
        return _amount_field(reading, where, value)
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
    optional, absent = _absent(section, name)
    return Field(
        name=name,
        paths=_paths(section),
        kind=section.choice("as", kinds, _default_kind(name)),
        line=value.line,
        separator=_separator(section),
        const=_const(section, name),
        optional=optional,
        absent=absent,
        before=_part(section, "before"),
        after=_part(section, "after"),
        case=section.choice("case", ("upper", "lower"), "") or None,
        names=_names(section, name),
    )


def _separator(section: Section) -> str:
    return section.text("separator", ":") or ""


def _part(section: Section, key: str) -> str | None:
    found = section.text(key)
    if found == "":
        section.reading.wrong(section.line_of(key), f"{section.name(key)} must not be empty")
    return found or None


def _const(section: Section, name: str) -> str | None:
    const = section.text("const")
    if const is not None and name in _CLOSED:
        _closed(section, "const", const, _CLOSED[name])
    return const


def _closed(section: Section, key: str, text: str, options: Iterable[str]) -> None:
    found = section.get(key)
    if text not in options and found is not None:
        listed = sorted(options) if len(list(options)) < 10 else []
        required = one_of(listed) if listed else "an ISO 4217 code"
        hint = hint_of(text, options) if listed else ""
        section.reading.must(found, section.name(key), required, hint)


_CLOSED = {"payment_type": PAYMENT_TYPES, "currency": frozenset(MINOR_DIGITS)}


def _absent(section: Section, name: str) -> tuple[bool, str | None]:
    if "absent" not in section:
        return False, None
    value = section.get("absent")
    if value is None or value.data is None:
        if name not in NULLABLE and name in FIELDS:
            section.reading.wrong(
                section.line_of("absent"),
                f"{section.name('absent')} must be a text, got null. Hint: only "
                f"{', '.join(NULLABLE)} may be unknown",
            )
        return True, None
    return True, section.text("absent")


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
            if name in _CLOSED:
                _closed(inner, key, text, _CLOSED[name])
    return names


def _amount_field(reading: Reading, where: str, value: Value) -> Field:
    section = reading.section(value, where, _AMOUNT_KEYS)
    section.required("as", f". Hint: {one_of(AMOUNT_KINDS)}")
    section.required("at")
    kind = section.choice("as", AMOUNT_KINDS, "minor_integer")
    amount = Amount(
        digits=_digits(section, kind),
        scale=_scale(section, kind),
        decimal_mark=section.choice("decimal_mark", (".", ","), "."),
        negative_is=section.choice("negative_is", sorted(PAYMENT_TYPES), "") or None,
        positive_is=section.choice("positive_is", sorted(PAYMENT_TYPES), "") or None,
    )
    for key in ("decimal_mark", "before", "after"):
        if key in section and kind not in ("decimal_text", "decimal"):
            reading.wrong(section.line_of(key), f"{where}.{key} is for a decimal text alone")
    before, after = _part(section, "before"), _part(section, "after")
    at = _paths(section)
    return Field("amount", at, kind, value.line, before=before, after=after, amount=amount)


def _scale(section: Section, kind: str) -> int | None:
    value = section.get("scale")
    if value is None:
        if kind == "connect_decimal":
            section.reading.wrong(
                section.line,
                f"{section.name('scale')} is required. Hint: the scale of the column, such as 2, "
                "or `from_schema` where each record carries its schema (schemas.enable)",
            )
        return None
    if kind != "connect_decimal":
        section.reading.wrong(
            section.line_of("scale"), f"{section.name('scale')} is for connect_decimal alone"
        )
        return None
    return None if value.data == "from_schema" else section.whole("scale", -_DIGITS_MAX, 60)


def _digits(section: Section, kind: str) -> int | Mapping[str, int | None] | None:
    value = section.get("digits")
    if value is None:
        return None
    where = section.name("digits")
    if kind not in ("minor_integer", "minor_text"):
        section.reading.wrong(
            section.line_of("digits"), f"{where} is for minor units alone, and {kind} has none"
        )
        return None
    if type(value.data) is int:
        return section.whole("digits", 0, _DIGITS_MAX)
    if isinstance(value.data, str):
        return DIGITS_OF[section.choice("digits", DIGITS_OF, "iso")] or None
    return _digits_by_currency(section.reading, where, value)


def _digits_by_currency(reading: Reading, where: str, value: Value) -> Mapping[str, int | None]:
    section = reading.section(value, where, ("like", *MINOR_DIGITS))
    like = section.choice("like", DIGITS_OF, "iso")
    digits: dict[str, int | None] = dict(DIGITS_OF[like])
    if isinstance(value.data, dict):
        for code in value.data:
            if code != "like" and code in section:
                digits[code] = section.whole(code, 0, _DIGITS_MAX)
    return digits


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
        _paths(section),
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
    dated = "%Y" in pattern and (("%m" in pattern and "%d" in pattern) or "%j" in pattern)
    if value is not None and not (_PATTERN.fullmatch(pattern) and dated):
        section.reading.must(
            value,
            section.name("pattern"),
            "of %Y %m %d %H %M %S %f %z %b %B %I %p %j, with a year, month and day",
        )
        return None
    return pattern


def _paths(section: Section) -> tuple[Path, ...]:
    at, join = section.get("at"), section.get("join")
    if at is not None:
        path = path_of(section.reading, section.name("at"), at)
        return (path,) if path else ()
    if join is None:
        return ()
    items = section.reading.items(join, section.name("join"), "a list of two paths or more")
    if len(items) < 2:
        section.reading.wrong(join.line, f"{section.name('join')} must be two paths or more")
    found = [path_of(section.reading, section.name("join"), item) for item in items]
    return tuple(path for path in found if path)


def path_of(reading: Reading, where: str, value: Value) -> Path | None:
    """Returns the path that a text is."""
    if isinstance(value.data, list | dict) or value.data is None:
        reading.must(value, where, "a path")
        return None
    try:
        return paths.parse(value.text)
    except ValueError as error:
        reading.wrong(value.line, f"{where} {error}")
        return None

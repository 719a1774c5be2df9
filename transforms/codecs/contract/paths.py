"""Paths to values in a record: their text, and the functions that follow them.

data.object.id        fields of fields; a number is a place in an array
`user.id`.`#text`     names that hold a dot, or look like something else, in backticks
.                     the whole
items.[name=fee].value   the one item of an array whose field has this value
outer:metadata.id     before anything was unwrapped
key: and key:payment  the key as text, and a field of a key that is JSON
header:ce_id          the value of a header, as text
kafka:timestamp       Kafka's timestamp in milliseconds; kafka:topic is the topic
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from transforms.codecs.contract import json_text
from transforms.codecs.contract.kinds import kind_of
from transforms.codecs.contract.language import Path
from transforms.payment.dead_letter import Reason, Rejected

_SEGMENT = r"`[^`]+`|[^.`\s](?:[^.`]*[^.`\s])?"
_SEGMENTS = re.compile(rf"(?:{_SEGMENT})(?:\.(?:{_SEGMENT}))*")
ORIGINS = ("outer", "key", "header", "kafka")
KAFKA_FIELDS = ("timestamp", "topic", "partition")
_PATH_CHARS_MAX = 1_000
_NOT_THERE = (LookupError, TypeError)


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class Scope:
    """A record on its way: what is inside by now, and what is around it."""

    __slots__ = ("_key", "escaped", "inner", "outer", "outer_raw", "raw", "record")

    def __init__(
        self, record: Any, root: Any, raw: bytes | None = None, escaped: bool = True
    ) -> None:
        self.record = record
        self.outer = root
        self.inner = root
        # The JSON that `inner` was read from: doubles have lost how they were written.
        self.raw = raw
        self.escaped = escaped  # whether names in it may be written as escapes
        self.outer_raw = raw
        self._key: Any = MISSING

    def key(self) -> Any:
        """Returns the key, read as JSON."""
        if self._key is MISSING:
            key = self.record.key
            self._key = None if key is None else json_text.parse(key, "the key: ")
        return self._key

    def raw_of(self, origin: str) -> bytes | None:
        """Returns the JSON that a path of this origin is followed in, None where it is none."""
        if origin == "inner":
            return self.raw
        raw = self.outer_raw if origin == "outer" else self.record.key
        return raw if isinstance(raw, bytes) else None

    def header(self, name: str) -> Any:
        """Returns the value of a header as text. Two of one name must agree."""
        found = {value for key, value in self.record.headers if key == name}
        if len(found) > 1:
            raise Rejected(Reason.REPEATED_FIELD, f"header {name} stands twice, and differs")
        return text_of(found.pop(), f"header {name}") if found else MISSING

    def kafka(self, name: str) -> Any:
        """Returns what Kafka says of the record."""
        if name == "timestamp":
            return self.record.broker_time_us // 1_000
        return self.record.topic if name == "topic" else self.record.partition


Getter = Callable[[Scope], Any]


def text_of(raw: bytes | None, what: str) -> str | None:
    """Returns bytes as text."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Rejected(Reason.NOT_DECODABLE, f"{what} is no UTF-8") from None


def parse(text: str) -> Path:
    """Returns a path.

    Raises:
        ValueError: it is none; the message says what was required.
    """
    if len(text) > _PATH_CHARS_MAX:
        raise ValueError(f"must have at most {_PATH_CHARS_MAX} characters, got {len(text)}")
    origin, colon, rest = text.partition(":")
    if not colon or origin not in ORIGINS:
        return Path(text, "inner", () if text == "." else _segments(text))
    if origin == "header":
        if not rest:
            raise ValueError("must name a header, such as header:ce_id")
        return Path(text, origin, (rest,))
    if origin == "kafka":
        if rest not in KAFKA_FIELDS:
            known = ", ".join(f"kafka:{name}" for name in KAFKA_FIELDS)
            raise ValueError(f"must be one of {known}, got {text!r}")
        return Path(text, origin, (rest,))
    return Path(text, origin, _segments(rest) if rest not in ("", ".") else ())


def _segments(text: str) -> tuple[str, ...]:
    if not _SEGMENTS.fullmatch(text):
        raise ValueError(
            f"must be names with dots between them, such as data.object.id, got {text!r}. "
            "Hint: a name that holds a dot or a blank at its end stands in `backticks`"
        )
    return tuple(each.strip("`") for each in re.findall(_SEGMENT, text))


def getter(path: Path) -> Getter:
    """Returns the function that follows a path; it gives MISSING where the path leads nowhere."""
    names = path.segments
    if path.origin != "inner":
        return _AROUND[path.origin](names)
    if not names:
        return lambda scope: scope.inner
    if any(map(is_of_array, names)) or len(names) > len(_BY_DEPTH):
        return lambda scope: follow(scope.inner, names)
    return _BY_DEPTH[len(names) - 1](*names)


def is_of_array(name: str) -> bool:
    """Returns whether a name of a path may stand for an item of an array."""
    return name.isdecimal() or is_selector(name)


def _of_key(names: Sequence[str]) -> Getter:
    if names:
        return lambda scope: follow(scope.key(), names)
    return lambda scope: text_of(scope.record.key, "the key")


_AROUND: dict[str, Callable[[Sequence[str]], Getter]] = {
    "header": lambda names: lambda scope: scope.header(names[0]),
    "kafka": lambda names: lambda scope: scope.kafka(names[0]),
    "key": _of_key,
    "outer": lambda names: lambda scope: follow(scope.outer, names),
}


def follow(value: Any, names: Sequence[str]) -> Any:
    """Returns what lies at the end of the names, MISSING when they lead nowhere."""
    for name in names:
        if isinstance(value, dict):
            value = value.get(name, MISSING)
        elif isinstance(value, list):
            value = _item(value, name)
        else:
            return MISSING
    return value


def _item(items: list[Any], name: str) -> Any:
    """Returns an item by its place, or the one that a field tells from the others."""
    if is_selector(name):
        field, _, wanted = name[1:-1].partition("=")
        found = [each for each in items if _is_spelled(follow(each, [field]), wanted)]
        return found[0] if len(found) == 1 else MISSING
    place = int(name) if name.isdecimal() and len(name) < 7 else len(items)
    return items[place] if place < len(items) else MISSING


def _is_spelled(value: Any, text: str) -> bool:
    return value == text or (type(value) is int and str(value) == text)


def is_selector(name: str) -> bool:
    """Returns whether a name of a path is `[field=value]`."""
    return name.startswith("[") and name.endswith("]") and "=" in name


def _one(first: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope.inner[first]
        except _NOT_THERE:
            return MISSING

    return get


def _two(first: str, second: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope.inner[first][second]
        except _NOT_THERE:
            return MISSING

    return get


def _three(first: str, second: str, third: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope.inner[first][second][third]
        except _NOT_THERE:
            return MISSING

    return get


def _four(first: str, second: str, third: str, fourth: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope.inner[first][second][third][fourth]
        except _NOT_THERE:
            return MISSING

    return get


# A loop over names costs three times as much as these.
_BY_DEPTH: tuple[Callable[..., Getter], ...] = (_one, _two, _three, _four)


def why_missing(path: Path, scope: Scope) -> str:
    """Returns where a path ends before its time, for a human."""
    if getter(path)(scope) is None:
        return f"{path.text} is required, got null"
    said = f"{path.text} is required"
    starts = {"inner": scope.inner, "outer": scope.outer}
    if path.origin not in starts or len(path.segments) < 2:
        return said
    value = starts[path.origin]
    for depth, name in enumerate(path.segments[:-1], start=1):
        value = follow(value, [name])
        if value is MISSING or not isinstance(value, dict | list):
            reached = ".".join(path.segments[:depth])
            got = "absent" if value is MISSING else kind_of(value)
            return f"{said}, but {reached} is {got}"
    return said

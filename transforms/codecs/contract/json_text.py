"""JSON, read strictly: a field that stands twice is refused at any depth."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from transforms.payment.dead_letter import Reason, Rejected

_ABSENT = object()
# An escape that stands for a character of ASCII: names could be written with it, and quotes.
_ASCII_ESCAPE = re.compile(rb"\\u00[0-7]")

Chars = npt.NDArray[np.uint8]


def parse(text: bytes | str, layer: str = "") -> Any:
    """Returns the value.

    Args:
        text: what is to be read.
        layer: a prefix for details, when it is not the payload itself.

    Raises:
        Rejected: it is no JSON, or a field stands twice.
    """
    return read(text, layer)[0]


def read(text: bytes | str, layer: str = "") -> tuple[Any, bool]:
    """Returns what `parse` does, and whether names in the text may be written as escapes."""
    try:
        value = orjson.loads(text)
        written = orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError) as error:
        raise Rejected(Reason.NOT_JSON, f"{layer}{error}") from None
    raw = text.encode() if isinstance(text, str) else text
    # What orjson writes has escapes for control characters only, which no name that is guarded has.
    if written == raw:
        return value, False
    if _may_have_lost_a_name(raw, written):
        _refuse_repeated_fields(raw, layer)
    return value, _has_ascii_escape(raw)


def read_all(texts: Sequence[bytes]) -> tuple[list[Any], bool] | None:
    """Returns what `read` does of each text, and whether names in any of them may be escaped.

    None when one of them needs a look of its own.
    """
    try:
        values = list(map(orjson.loads, texts))
        written = orjson.dumps(values)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    raw = b"".join(texts)
    chars = np.frombuffer(raw, np.uint8)
    escaped = _holds_ascii_escape(chars)
    if escaped and _QUOTE_ESCAPE in raw:
        return None
    if _quotes(chars) != _quotes(np.frombuffer(written, np.uint8)):
        return None
    return values, escaped


# Quotes may also be written like this.
_QUOTE_ESCAPE = b"\\u0022"


def _may_have_lost_a_name(raw: bytes, written: bytes) -> bool:
    # orjson keeps the last of two equal fields. One that was dropped takes the quotes of its name
    # with it, and nothing brings quotes but an escape of one: spaces and other spellings of names
    # and numbers have none. So those of many records together can be counted as well.
    return raw.count(b'"') != written.count(b'"') or _QUOTE_ESCAPE in raw


def _has_ascii_escape(raw: bytes) -> bool:
    return b"\\u00" in raw and _ASCII_ESCAPE.search(raw) is not None


# The same of many records together, several times as fast.


def _quotes(chars: Chars) -> int:
    return int(np.count_nonzero(chars == ord('"')))


def _holds_ascii_escape(chars: Chars) -> bool:
    at = np.flatnonzero(chars == ord("\\"))
    for place, (lowest, highest) in enumerate((b"uu", b"00", b"00", b"07"), start=1):
        if not at.size:
            return False
        # Behind the last character stands none: valid JSON ends with no escape.
        following = chars[np.minimum(at + place, chars.size - 1)]
        at = at[(following >= lowest) & (following <= highest)]
    return bool(at.size)


def _refuse_repeated_fields(raw: bytes, layer: str) -> None:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            # In one pass: to count each of 7,000 names among all of them takes a second.
            repeated = next(name for name, _ in pairs if seen.pop(name, _ABSENT) is _ABSENT)
            raise Rejected(Reason.REPEATED_FIELD, f"{layer}the field {repeated!r} stands twice")
        return seen

    try:
        json.loads(raw, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Rejected(Reason.NOT_JSON, f"{layer}{error}") from None


# Names that can be written in one way only, but for escapes of ASCII.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:@#-]*", re.ASCII)


def guard_of(names: Sequence[str]) -> NumberGuard | None:
    """Returns the guard of the field at the end of a path, None where its name is not enough."""
    if names and _PLAIN_NAME.fullmatch(names[-1]):
        return NumberGuard(names[-1])
    return None


class NumberGuard:
    """Tells whether a number of a field may have more digits than a double keeps.

    Sixteen characters of digits and a point hold at least 15 digits. orjson has made a double of
    them, and whether it is the same number can no longer be told.
    """

    def __init__(self, name: str) -> None:
        # Found by its name: a pattern that begins with it is ten times as slow.
        self._name = b'"%s"' % name.encode()
        self._long = re.compile(re.escape(self._name) + rb"\s*:\s*-?[0-9.]{16}")

    def may_be_longer(self, raw: bytes, escaped: bool) -> bool:
        """Returns whether `spelled_longer` must be asked, which is slow.

        Args:
            raw: the JSON.
            escaped: whether names in it may be written as escapes.
        """
        at = raw.find(self._name)
        while at >= 0:
            if self._long.match(raw, at):
                return True
            at = raw.find(self._name, at + 1)
        return escaped and _has_ascii_escape(raw)


def spelled_longer(raw: bytes, value: float, digits_max: int) -> str | None:
    """Returns how a number of this value is written that has more digits, None for none."""
    spelled: list[str] = []

    def note(text: str) -> float:
        spelled.append(text)
        return 0.0

    json.loads(raw, parse_float=note, parse_int=note)
    return next(
        (each for each in spelled if _digits(each) > digits_max and float(each) == value), None
    )


def _digits(number: str) -> int:
    mantissa = number.lower().partition("e")[0]
    return len(mantissa.lstrip("-0.").replace(".", ""))

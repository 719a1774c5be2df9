"""Sets fields in a payload, or headers beside it, and leaves every other byte as it is.

    currency=EUR                    a field of the object
    data.object.currency=eur        a field of a field, unless one has the whole name
    header:ce_type=payment.done     a header

The payload is not parsed and written again: that would respell numbers, escapes and spaces of
fields that nobody asked to change, and drop fields that stand twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from transforms.payment.transaction import Headers

Setting = tuple[str, Any]

_BLANK = re.compile(rb"[ \t\n\r]*")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\n\r,:"\[\]{}]+')
# What decides where an object or array ends: strings, which may hold brackets, and brackets.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_BOM = b"\xef\xbb\xbf"


class _Spelled(float):
    """A number with a fraction or exponent, and how it was written."""

    text: str

    def __str__(self) -> str:
        return self.text


class _Member(NamedTuple):
    """One field of an object, as places in its bytes."""

    name: str
    begin: int
    value_begin: int
    end: int
    colon: bytes  # what stands between name and value


def setting(text: str) -> Setting:
    """Returns what `field=value` sets: a value that is JSON as JSON, any other as text.

    currency=EUR, amount_minor=1250, country=null, account_id="17" (a string, for its quotes).

    Raises:
        ValueError: there is no field or no equals sign, or what was typed is no Unicode.
    """
    field, separator, value = text.partition("=")
    if not (field and separator):
        raise ValueError(f"must be FIELD=VALUE, got {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"must be Unicode, got {text!r}") from None
    try:
        return field, json.loads(value, parse_float=_spelled, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return field, value


def header_of(name: str) -> str | None:
    """Returns the name of the header that is to be set, None where it is a field."""
    origin, _, rest = name.partition(":")
    return rest if origin == "header" and rest else None


def changed_headers(headers: Headers, settings: Sequence[Setting]) -> Headers:
    """Returns the headers with those of the settings set, each once, new ones behind the others."""
    for name, value in settings:
        header = header_of(name)
        if header is None:
            continue
        text = value if isinstance(value, str) or value is None else _encoded(value).decode()
        raw = None if text is None else text.encode()
        names = [each for each, _ in headers]
        at = names.index(header) if header in names else len(names)
        others = [each for each in headers if each[0] != header]
        headers = (*others[:at], (header, raw), *others[at:])
    return headers


def changed(payload: bytes | None, settings: Sequence[Setting]) -> bytes | None:
    """Returns the payload with the fields set; all other bytes are as they were.

    A missing field is put behind the last one, spaced as that is. Headers are not meant.

    Raises:
        ValueError: it is no JSON object, or a field to set stands twice and one would have to be
            chosen.
    """
    of_payload = [each for each in settings if header_of(each[0]) is None]
    if payload is None and of_payload:
        raise ValueError("a tombstone has no fields")
    for name, value in of_payload:
        payload = with_path(payload or b"", name, value)
    return payload


def with_path(payload: bytes, path: str, value: Any) -> bytes:
    """Sets a field, or one inside what the first part of its path names.

    Raises:
        ValueError: as `changed`.
    """
    return _with_path(payload, path, _encoded(value))


def _with_path(payload: bytes, path: str, value: bytes) -> bytes:
    name, dot, rest = path.partition(".")
    if name.isdecimal() and payload[_blank(payload, 0) :][:1] == b"[":
        begin, end = _item(payload, int(name))
        item = _with_path(payload[begin:end], rest, value) if rest else value
        return payload[:begin] + item + payload[end:]
    _, members = _members(payload)
    those = [each for each in members if each.name == name]
    if not (dot and rest) or len(those) != 1 or any(each.name == path for each in members):
        return _with_field(payload, path, value)
    begin, end = those[0].value_begin, those[0].end
    if payload[begin : begin + 1] not in (b"{", b"["):
        return _with_field(payload, path, value)
    return payload[:begin] + _with_path(payload[begin:end], rest, value) + payload[end:]


def _with_field(payload: bytes, name: str, value: bytes) -> bytes:
    begin, members = _members(payload)
    those = [each for each in members if each.name == name]
    if len(those) > 1:
        raise ValueError(f"the field {name!r} stands twice")
    if those:
        return payload[: those[0].value_begin] + value + payload[those[0].end :]
    key = _encoded(name)
    if not members:
        return payload[:begin] + key + b":" + value + payload[begin:]
    last = members[-1]
    comma = payload[members[-2].end : last.begin] if len(members) > 1 else b","
    return payload[: last.end] + comma + key + last.colon + value + payload[last.end :]


def _members(payload: bytes) -> tuple[int, list[_Member]]:
    """Returns where the inside of the only object begins, and its fields.

    Raises:
        ValueError: the payload is something else.
    """
    begin = _blank(payload, len(_BOM) if payload.startswith(_BOM) else 0)
    _require(payload, begin, b"{")
    members = list(_each_member(payload, begin + 1))
    end = _blank(payload, members[-1].end if members else begin + 1)
    _require(payload, end, b"}")
    if _blank(payload, end + 1) != len(payload):
        raise ValueError("the payload goes on behind the JSON object")
    return begin + 1, members


def _each_member(payload: bytes, at: int) -> Iterator[_Member]:
    at = _blank(payload, at)
    while payload[at : at + 1] != b"}":
        name = _STRING.match(payload, at)
        if name is None:
            raise _no_object(at)
        colon = _blank(payload, name.end())
        _require(payload, colon, b":")
        begin = _blank(payload, colon + 1)
        end = _value_end(payload, begin)
        yield _Member(_name(name[0]), at, begin, end, payload[name.end() : begin])
        at = _blank(payload, end)
        if payload[at : at + 1] == b"}":
            return
        _require(payload, at, b",")
        at = _blank(payload, at + 1)
        _require(payload, at, b'"')


def _item(payload: bytes, number: int) -> tuple[int, int]:
    """Returns where an item of an array begins and ends."""
    at = _blank(payload, _blank(payload, 0) + 1)
    for _ in range(number):
        at = _blank(payload, _value_end(payload, at))
        if payload[at : at + 1] != b",":
            raise ValueError(f"the array has no item {number}")
        at = _blank(payload, at + 1)
    if payload[at : at + 1] == b"]":
        raise ValueError(f"the array has no item {number}")
    return at, _value_end(payload, at)


def _value_end(payload: bytes, begin: int) -> int:
    if payload[begin : begin + 1] not in (b"{", b"["):
        found = _STRING.match(payload, begin) or _SCALAR.match(payload, begin)
        if found is None:
            raise _no_object(begin)
        return found.end()
    open_brackets: list[bytes] = []
    for token in _TOKEN.finditer(payload, begin):
        if token[0] in (b"{", b"["):
            open_brackets.append(b"}" if token[0] == b"{" else b"]")
        elif token[0] in (b"}", b"]"):
            if open_brackets.pop() != token[0]:
                break
            if not open_brackets:
                return token.end()
    raise _no_object(begin)


def _name(text: bytes) -> str:
    # Bytes that are no UTF-8 stay what they are: such a field is never the one that is asked for.
    return str(json.loads(text.decode(errors="surrogateescape"), strict=False))


def _encoded(value: Any) -> bytes:
    if isinstance(value, _Spelled):
        return value.text.encode()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _spelled(text: str) -> _Spelled:
    number = _Spelled(text)
    number.text = text
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _blank(payload: bytes, at: int) -> int:
    found = _BLANK.match(payload, at)
    return found.end() if found else at


def _require(payload: bytes, at: int, wanted: bytes) -> None:
    if payload[at : at + 1] != wanted:
        raise _no_object(at)


def _no_object(at: int) -> ValueError:
    return ValueError(f"the payload is no JSON object: byte {at} does not belong there")

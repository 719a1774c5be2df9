"""Writes what strangers have sent so that it is seen as it is: printable, and not too long."""

from __future__ import annotations

_CHARS_MAX = 80


def printed(value: object, chars_max: int = _CHARS_MAX) -> str:
    """Returns the text; what is not printable is escaped, what is long is cut."""
    text = str(value)
    if not text.isprintable():
        text = ascii(text)[1:-1]
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"

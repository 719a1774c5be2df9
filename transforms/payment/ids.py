"""The alphabets of ids, of which a contract names one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

ID_CHARS_MAX = 255

_STRICT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_STRICT_LINES = re.compile(rf"(?:{_STRICT.pattern}\n)*", re.ASCII)
_ASCII = re.compile(rf"[!-~]{{1,{ID_CHARS_MAX}}}", re.ASCII)
_ASCII_LINES = re.compile(rf"(?:{_ASCII.pattern}\n)*", re.ASCII)


class Alphabet(NamedTuple):
    """What ids consist of. An id that looks the same is the same, in every log and query.

    Attributes:
        required: for a human.
        holds: whether a text is such an id.
        holds_all: whether all texts are.
    """

    required: str
    holds: Callable[[str], bool]
    holds_all: Callable[[Sequence[str]], bool]


def _of_pattern(required: str, one: re.Pattern[str], lines: re.Pattern[str]) -> Alphabet:
    def holds_all(texts: Sequence[str]) -> bool:
        # One to a line, in one pass; as many lines as texts, or one of them holds two.
        text = "\n".join((*texts, ""))
        return text.count("\n") == len(texts) and lines.fullmatch(text) is not None

    return Alphabet(required, lambda text: one.fullmatch(text) is not None, holds_all)


def _is_unicode(text: str) -> bool:
    # In the normal form NFC, so that equal ids are equal bytes.
    printable = 1 <= len(text) <= ID_CHARS_MAX and text.isprintable() and " " not in text
    return printable and unicodedata.is_normalized("NFC", text)


ALPHABETS: dict[str, Alphabet] = {
    "strict": _of_pattern(
        "1 to 64 of A-Z a-z 0-9 . _ : - (first a letter or digit)", _STRICT, _STRICT_LINES
    ),
    "ascii": _of_pattern(
        f"1 to {ID_CHARS_MAX} printable ASCII characters without blanks", _ASCII, _ASCII_LINES
    ),
    "unicode": Alphabet(
        f"1 to {ID_CHARS_MAX} printable characters in the form NFC without blanks",
        _is_unicode,
        lambda texts: all(map(_is_unicode, texts)),
    ),
}

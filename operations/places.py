"""Folders of checkpoints and memories, given as a path or a URI, for those who open them.

Beam's local file system knows paths, and no `file:`. Flink takes `file:` and what follows as it is:
`%20` is three characters to it, where other programs that print URIs mean a blank.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

_FILE = re.compile(r"file:", re.IGNORECASE)
_LOCAL = re.compile(r"file:(?://(?:localhost)?)?(/(?!/).*)", re.IGNORECASE | re.DOTALL)
_OTHER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def for_beam(place: str) -> str:
    """Returns a place as Beam's file systems take it.

    Raises:
        ValueError: it is empty, or a `file:` that names no path of this machine.
    """
    if not place.strip():
        raise ValueError("must name a path or URI, got nothing")
    if not _FILE.match(place):
        return place if _OTHER.match(place) else str(Path(place).absolute())
    match = _LOCAL.fullmatch(place)
    if match is None:
        raise ValueError(f"must be file:///PATH, got {place!r}")
    # What lies there under the very name is meant; else the name may be escaped.
    return match[1] if Path(match[1]).exists() else unquote(match[1])


def for_flink(place: str) -> str:
    """Returns a place as Flink takes it; raises as `for_beam` does."""
    found = for_beam(place)
    return found if _OTHER.match(found) else f"file://{found}"

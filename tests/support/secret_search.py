"""Searches files and texts for a secret: in plain, in base64, in a URL."""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Iterable
from pathlib import Path


def forms_of(secret: str) -> set[bytes]:
    """Returns the bytes by which the secret is recognised, wherever in an encoded text it began."""
    raw = secret.encode()
    forms = {raw, urllib.parse.quote(secret).encode()}
    for before in range(3):
        # base64 turns three bytes into four characters: what its neighbours change is left away.
        encoded = base64.b64encode(b"\0" * before + raw + b"\0" * (-(before + len(raw)) % 3))
        first, last = -(-before * 4 // 3), (before + len(raw)) * 4 // 3
        forms |= {encoded[first:last], encoded[first:last].translate(_URL_SAFE)}
    return forms


def places_of(secret: str, folders: Iterable[Path], allowed: Iterable[Path] = ()) -> list[Path]:
    """Returns the files in `folders` that hold the secret, other than the allowed ones."""
    forms = forms_of(secret)
    excepted = set(allowed)
    return [
        path
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in excepted and _holds(path, forms)
    ]


def _holds(path: Path, forms: set[bytes]) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # a running system deletes files while we look
        return False
    # Long base64 is often broken into lines.
    joined = content.replace(b"\n", b"")
    return any(form in content or form in joined for form in forms)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")

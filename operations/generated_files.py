"""Files of the repository that are written from what the code declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write(files: Mapping[Path, str]) -> list[Path]:
    """Writes the files whose text is another; returns those that changed."""
    changed = []
    for path, text in files.items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(path)
    return changed

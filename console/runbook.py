"""Finds the page of the runbook that is about an indicator."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[1] / "docs/runbook"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)


def page(name: str, folder: Path = _FOLDER) -> str | None:
    """Returns the text of a page, None when there is none."""
    path = folder / f"{name}.md"
    if not _NAME.fullmatch(name) or not path.is_file():
        return None
    return path.read_text(encoding="utf-8")


@functools.cache
def about(indicator: str, folder: Path = _FOLDER) -> str | None:
    """Returns the name of the first page that names an indicator, None when none does."""
    word = re.compile(rf"\b(payments_)?{re.escape(indicator)}\b")
    pages = sorted(folder.glob("*.md")) if folder.is_dir() else []
    found = (each.stem for each in pages if word.search(each.read_text(encoding="utf-8")))
    return next(found, None)

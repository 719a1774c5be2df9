"""In the place of the table `runs`: nobody has claimed the tables."""

from __future__ import annotations

from typing import Any

import pytest

from operations.runs import limits


class NoRuns:
    """Has no rows."""

    def __init__(self, dataset: str, endpoint: str | None) -> None: ...

    def rows_if_any(self) -> list[Any]:
        return []


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a tool find no run."""
    monkeypatch.setattr(limits, "RunsTable", NoRuns)

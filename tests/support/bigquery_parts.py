"""Rows for tests of the sink, as they come to its append step; and a clock that never waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.payments import transaction
from transforms.bigquery import patience
from transforms.bigquery.append_connection import Part
from transforms.bigquery.arrow_rows import ENCODERS


def part(*ids: str, table: str = "transactions", offset: int = 0) -> Part:
    """Returns payments with these ids, whose records lie one behind the other from `offset`."""
    payments = [transaction(id_, offset=offset + place) for place, id_ in enumerate(ids)]
    return part_of(table, payments)


def part_of(table: str, elements: Sequence[Any]) -> Part:
    """Returns the rows of these elements."""
    batch = ENCODERS[table].encode(elements, "version")
    return Part(table, batch.num_rows, batch.serialize().to_pybytes())


class Clock:
    """In the place of `time` where the sink pauses.

    Attributes:
        pauses: the pauses that were made, seconds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        monkeypatch.setattr(patience, "time", self)

    def monotonic(self) -> float:
        return sum(self.pauses)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

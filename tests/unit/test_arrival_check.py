"""The offset from which a partition is clean is found, wherever records lie."""

from __future__ import annotations

from types import SimpleNamespace

from pipeline.launch import arrival_check
from transforms.kafka.reader import OffsetRange
from transforms.payment.arrival import BY_BROKER


def test_records_that_are_not_there_do_not_mislead_the_search() -> None:
    """Markers and aborted records lie on both sides of the change."""
    for offsets in range(1, 8):
        kinds = [0] * offsets + [1] * (8 - offsets)
        found = arrival_check._clean_from(Holding(kinds), OffsetRange("t", 0, 0, 24), BY_BROKER)
        assert found == 3 * (offsets - 1) + 1


class Holding:
    """A reader of records at every third offset, each of a timestamp type."""

    def __init__(self, kinds: list[int]) -> None:
        self._kinds = kinds

    def first(self, span: OffsetRange) -> object | None:
        for place, kind in enumerate(self._kinds):
            if span.start <= 3 * place < span.end:
                return SimpleNamespace(offset=3 * place, timestamp_type=kind, timestamp=1)
        return None

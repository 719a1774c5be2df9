"""The queue in which the payments of a shard wait, so that what is due is found at once.

Payments wait in a few cells of state. Each cell holds a span of stretches, the spans follow each
other in time, and those further back in time may be larger. While a shard is up to date a span is
one stretch. In a backlog a span grows to what one call may judge, and the spans behind it to
multiples of that. A span that is too large when its turn comes is spread over the free cells:
bytes move to another cell, at most a few times however long the backlog is, and are never opened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import orjson

CELLS = 8
# Cells that are left free for the spreading of a large span.
_RESERVE = 2
# What one call may judge: 4,000 payments at 6 µs are 24 ms.
CALL_MAX = 4_000
# So many spans of one stretch each may wait: a shard that is up to date has not more.
_SINGLE_SPANS = 3
# How many times more a span may hold than the one before it in time.
_GROWTH = 4


@dataclasses.dataclass(slots=True)
class Span:
    """Stretches that wait in one cell: from the first to the last, and payments in all."""

    cell: int
    first: int
    last: int
    count: int


class ArrivalQueue:
    """The spans of one shard, the earliest first."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans = list(spans)

    def encode(self) -> bytes:
        """Returns the queue as it rests in state."""
        return orjson.dumps([(it.cell, it.first, it.last, it.count) for it in self._spans])

    @classmethod
    def decode(cls, stored: bytes | None) -> ArrivalQueue:
        """Returns what `encode` was called on, an empty queue for None."""
        return cls() if stored is None else cls(Span(*each) for each in orjson.loads(stored))

    def __len__(self) -> int:
        """Returns how many spans wait."""
        return len(self._spans)

    def due(self) -> int | None:
        """Returns after which stretch something is to be done, None if nothing waits."""
        if not self._spans:
            return None
        head = self._spans[0]
        return head.first if self.too_large() else head.last

    def too_large(self) -> bool:
        """Returns whether the earliest span is to be spread, because one call must not judge it.

        A stretch is never divided. Where no other cell is free the span has been spread before, and
        is larger only by what came after that.
        """
        head = self._spans[0]
        return head.count > CALL_MAX and head.first < head.last and len(self._spans) < CELLS

    def put(self, stretch: int, count: int) -> int:
        """Lets payments wait; returns the cell for them."""
        spans = self._spans
        number = len(spans)
        while number and spans[number - 1].first > stretch:
            number -= 1
        before = spans[number - 1] if number else None
        if before is not None and (
            stretch <= before.last
            or len(spans) >= CELLS - _RESERVE
            or before.count + count <= _room(number - 1)
        ):
            before.last = max(before.last, stretch)
            before.count += count
            return before.cell
        if before is None and len(spans) >= CELLS - _RESERVE:
            spans[0].first = stretch
            spans[0].count += count
            return spans[0].cell
        span = Span(self._free()[0], stretch, stretch, count)
        spans.insert(number, span)
        return span.cell

    def take(self) -> Span:
        """Takes out the earliest span."""
        return self._spans.pop(0)

    def spread(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Puts a span that was taken out into the free cells; returns the cells by stretch.

        The earliest cell gets what one call may judge, each other one a multiple of the one before.
        """
        free = self._free()
        spans: list[Span] = []
        cells = {}
        for stretch in sorted(counts):
            count = counts[stretch]
            full = spans and spans[-1].count + count > CALL_MAX * _GROWTH ** (len(spans) - 1)
            if not spans or (full and len(spans) < len(free)):
                spans.append(Span(free[len(spans)], stretch, stretch, 0))
            spans[-1].last = stretch
            spans[-1].count += count
            cells[stretch] = spans[-1].cell
        self._spans[:0] = spans
        return cells

    def _free(self) -> list[int]:
        taken = {each.cell for each in self._spans}
        return [cell for cell in range(CELLS) if cell not in taken]


def _room(number: int) -> int:
    """Returns how many payments of several stretches a span may hold, by its place."""
    if number < _SINGLE_SPANS:
        return 0
    return CALL_MAX * int(_GROWTH ** (number - _SINGLE_SPANS))

"""Stretches of arrival time, and how the payments of one lie packed together.

Payments wait until their stretch is over. The stretches of different shards end at different
times, so that a worker never has to judge all shards at once.
"""

from __future__ import annotations

import bisect
import operator
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from transforms.payment.transaction import Transaction
from transforms.state import packed

# An indicator is a question for a human, who does not answer sooner. Each stretch of each shard
# costs its worker some calls of the state interface, about a millisecond each.
STRETCH_US = 5_000_000
_MS_US = 1_000

# The order in which payments are judged.
place = operator.attrgetter("broker_time_us", "topic", "partition", "offset")
_arrival_us = operator.attrgetter("broker_time_us")
_HEADER = struct.Struct("<qII")  # stretch, payments, bytes of the payments


class Piece(NamedTuple):
    """Packed payments of one stretch."""

    stretch: int
    number: int  # of the payments
    packed: bytes

    def encode(self) -> bytes:
        """Returns the piece as it crosses a shuffle or rests in state."""
        return _HEADER.pack(self.stretch, self.number, len(self.packed)) + self.packed

    def payments(self) -> list[Transaction]:
        """Returns the payments, in the order in which they are judged."""
        return packed.unpack(self.packed)


class Clock:
    """The stretches of one shard."""

    def __init__(self, shard: int, shards: int) -> None:
        # In whole milliseconds: a runner cuts the rest off a timer, which would then be too early.
        self._begin_us = STRETCH_US // _MS_US * shard // shards * _MS_US

    def stretch_of(self, arrival_us: int) -> int:
        """Returns the number of the stretch in which an arrival lies."""
        return (arrival_us - self._begin_us) // STRETCH_US

    def end_us(self, stretch: int) -> int:
        """Returns when a stretch is over, microseconds since the epoch."""
        return (stretch + 1) * STRETCH_US + self._begin_us

    def cut(self, payments: list[Transaction]) -> Iterator[Piece]:
        """Yields the payments stretch by stretch, each in the order of `place`."""
        payments.sort(key=place)
        begin, count = 0, len(payments)
        while begin < count:
            stretch = self.stretch_of(payments[begin].broker_time_us)
            end = bisect.bisect_left(payments, self.end_us(stretch), begin, key=_arrival_us)
            yield Piece(stretch, end - begin, packed.pack(payments[begin:end]))
            begin = end


def pieces(encoded: bytes) -> Iterator[Piece]:
    """Yields the pieces that were encoded one after the other."""
    at = 0
    while at < len(encoded):
        stretch, number, size_bytes = _HEADER.unpack_from(encoded, at)
        at += _HEADER.size + size_bytes
        yield Piece(stretch, number, encoded[at - size_bytes : at])


def merged(batches: Sequence[Sequence[Transaction]]) -> Sequence[Transaction]:
    """Returns payments of several pieces in the order of `place`."""
    if len(batches) == 1:
        return batches[0]
    return sorted((each for batch in batches for each in batch), key=place)

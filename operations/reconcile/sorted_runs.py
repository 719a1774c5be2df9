"""Sorts values by their keys, however many: by parts in memory, merged from disk.

An external merge sort. What does not fit into memory lies compressed in files without a name, which
are gone with the process however it ends. TMPDIR says where; each value takes 40 to 70 bytes there.
"""

from __future__ import annotations

import heapq
import marshal
import operator
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, Generic, TypeVar

from operations.errors import CannotCheck

# Held in memory before it is sorted and written, by this reckoning. Five sorters are alive at once,
# and Python needs as much again while it sorts and packs.
RUN_BYTES = 24 << 20
# What Python needs for an item besides its packed value: a tuple, a key, a number, three headers.
_ITEM_BYTES = 320
# Runs that are merged into one. Merging holds a block of each, some 100 KB unpacked.
_RUNS_MERGED = 48
_BLOCK_ITEMS = 256
_BLOCK_BYTES = 32 << 10
_LENGTH_BYTES = 4

Key = TypeVar("Key")

# Key, number in the order of adding, packed value. No two numbers are equal, so that values are
# never compared and equal keys keep their order.
_Item = tuple[Any, int, bytes]


class SortedRuns(Generic[Key]):
    """Takes pairs of key and value in any order; gives them back by key, equal keys as added.

    Keys and values are what `marshal` takes: numbers, texts, bytes, None and plain tuples of them.
    Reading may be repeated; adding continues after it.
    """

    def __init__(self, run_bytes: int | None = None) -> None:
        self._run_bytes = RUN_BYTES if run_bytes is None else run_bytes
        self._held: list[_Item] = []
        self._held_bytes = 0
        self._count = 0
        self._levels: list[list[_Run]] = []

    def __len__(self) -> int:
        """Returns how many pairs were added."""
        return self._count

    def add(self, key: Key, value: Any) -> None:
        """Takes one pair.

        Raises:
            CannotCheck: there is no room on the disk.
        """
        packed = marshal.dumps(value)
        self._held.append((key, self._count, packed))
        self._count += 1
        self._held_bytes += _ITEM_BYTES + len(packed)
        if self._held_bytes >= self._run_bytes:
            self._write()

    def __iter__(self) -> Iterator[tuple[Key, Any]]:
        """Yields all pairs by key.

        Raises:
            CannotCheck: there is no room on the disk.
        """
        if self._levels and self._held:
            self._write()  # so that merging has the memory
        self._held.sort()
        runs = [run for level in self._levels for run in level]
        for key, _, packed in heapq.merge(*runs) if runs else iter(self._held):
            yield key, marshal.loads(packed)

    def close(self) -> None:
        """Gives back memory and disk."""
        for level in self._levels:
            for run in level:
                run.close()
        self._levels, self._held = [], []

    def _write(self) -> None:
        self._held.sort()
        run = _Run(self._held)
        self._held, self._held_bytes = [], 0
        for level in self._levels:
            level.append(run)
            if len(level) < _RUNS_MERGED:
                return
            run = _Run(heapq.merge(*level))
            for merged in level:
                merged.close()
            level.clear()
        self._levels.append([run])


class _Run:
    """Sorted items in a file, in compressed blocks."""

    def __init__(self, items: Iterable[_Item]) -> None:
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
            for block in _blocks(items):
                packed = zlib.compress(marshal.dumps(block), 1)
                self._file.write(len(packed).to_bytes(_LENGTH_BYTES) + packed)
            self._file.flush()
        except OSError as error:
            raise CannotCheck(
                f"cannot write to {tempfile.gettempdir()}, where records are sorted: "
                f"{error.strerror}. Hint: TMPDIR names a folder with room; 200 bytes for each "
                "record, and the topic can be proven in parts by --since and --until."
            ) from None

    def __iter__(self) -> Iterator[_Item]:
        descriptor, at = self._file.fileno(), 0
        while head := os.pread(descriptor, _LENGTH_BYTES, at):
            length = int.from_bytes(head)
            packed = os.pread(descriptor, length, at + _LENGTH_BYTES)
            yield from marshal.loads(zlib.decompress(packed))
            at += _LENGTH_BYTES + length

    def close(self) -> None:
        self._file.close()


def _blocks(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    block: list[_Item] = []
    size = 0
    for item in items:
        block.append(item)
        size += len(item[2])
        if len(block) == _BLOCK_ITEMS or size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def merged(*streams: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yields tuples of sorted streams by their first field; equal ones as the streams are given."""
    return heapq.merge(*streams, key=operator.itemgetter(0))

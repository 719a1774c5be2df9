"""Gathers the records of a bundle by shard, so that state is asked once for many of them."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.payment.transaction import Transaction
from transforms.state import packed

# Bounds what a batch takes in memory where a bundle is the whole input (DirectRunner).
_BATCH_MAX = 2_000


@dataclasses.dataclass(frozen=True)
class Shards:
    """What names are gathered by, so that state is asked once for many of them.

    Attributes:
        keys: one for each shard; state is kept under it. With other keys, or as many more, what is
            remembered would be looked for in the wrong place.
    """

    keys: tuple[int, ...]

    def of(self, name: str) -> int:
        """Returns the key of the shard of a name."""
        return self.keys[zlib.crc32(name.encode()) % len(self.keys)]

    def __len__(self) -> int:
        return len(self.keys)


def pack_columns(_shard: int, batch: list[Transaction]) -> bytes:
    """Returns the transactions by the column, in their order (transforms/state/packed.py)."""
    return packed.pack(batch)


class BatchByShard(beam.PTransform):
    """Gathers transactions by the shard of one of their names.

    Input:      [Transaction, …].
    Output:     (key of the shard, packed transactions), timestamp = the earliest arrival in it.
    Guarantee:  every transaction that has the name is in one batch, in the order in which it came.
    """

    def __init__(
        self,
        name_of: Callable[[Transaction], str | None],
        shards: Shards,
        pack: Callable[[int, list[Transaction]], bytes] = pack_columns,
    ) -> None:
        super().__init__()
        self._name_of = name_of
        self._shards = shards
        self._pack = pack

    def expand(
        self, transactions: beam.PCollection[list[Transaction]]
    ) -> beam.PCollection[tuple[int, bytes]]:
        """Returns the batches."""
        # Named so that state of another number of shards is not found, but refused (by Flink).
        label = f"Batch for {len(self._shards)} shards"
        batch = beam.ParDo(BatchFn(self._name_of, self._shards, self._pack))
        return transactions | label >> batch.with_output_types(tuple[int, bytes])


class BatchFn(beam.DoFn):
    """Gathers by shard; `pack` returns a batch as bytes, given the key of its shard."""

    def __init__(
        self,
        name_of: Callable[[Transaction], str | None],
        shards: Shards,
        pack: Callable[[int, list[Transaction]], bytes],
    ) -> None:
        self._name_of = name_of
        self._shards = shards
        self._pack = pack
        self._batches: dict[int, list[Transaction]] = {}

    def start_bundle(self) -> None:
        """Forgets what a failed bundle had gathered: it comes again."""
        self._batches = {}

    def process(self, transactions: list[Transaction]) -> Iterator[TimestampedValue]:
        """Gathers; yields the batches that are full."""
        batches, name_of, shard_of = self._batches, self._name_of, self._shards.of
        for transaction in transactions:
            name = name_of(transaction)
            if name is not None:
                batches.setdefault(shard_of(name), []).append(transaction)
        full = [shard for shard, batch in batches.items() if len(batch) >= _BATCH_MAX]
        for shard in full:
            batch = batches.pop(shard)
            yield TimestampedValue((shard, self._pack(shard, batch)), _earliest(batch))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Yields what is gathered."""
        for shard, batch in self._batches.items():
            element = (shard, self._pack(shard, batch))
            yield WindowedValue(element, _earliest(batch), (GlobalWindow(),))
        self._batches = {}


def _earliest(batch: list[Transaction]) -> Timestamp:
    return Timestamp(micros=min(transaction.broker_time_us for transaction in batch))

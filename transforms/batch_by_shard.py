"""How is state asked once for many records? Each bundle gathers its own by shard first."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.contract import packed
from transforms.contract.transaction import Transaction

# Named state is API: another number of shards would look for what is remembered in the wrong place.
SHARDS = 32
# Bounds what a batch takes in memory where a bundle is the whole input (DirectRunner).
_BATCH_MAX = 2_000


class BatchByShard(beam.PTransform):
    """Gathers transactions by the shard of one of their names.

    Input:      [Transaction, …].
    Output:     (shard, packed transactions), timestamp = the earliest arrival in the batch.
    Guarantee:  every transaction is in one batch, in the order in which it came.
    """

    def __init__(self, name_of: Callable[[Transaction], str]) -> None:
        super().__init__()
        self._name_of = name_of

    def expand(
        self, transactions: beam.PCollection[list[Transaction]]
    ) -> beam.PCollection[tuple[int, bytes]]:
        """Returns the batches."""
        return transactions | "Batch" >> beam.ParDo(_BatchFn(self._name_of)).with_output_types(
            tuple[int, bytes]
        )


class _BatchFn(beam.DoFn):
    def __init__(self, name_of: Callable[[Transaction], str]) -> None:
        self._name_of = name_of
        self._batches: dict[int, list[Transaction]] = {}

    def start_bundle(self) -> None:
        # What a failed bundle had gathered comes again.
        self._batches = {}

    def process(self, transactions: list[Transaction]) -> Iterator[TimestampedValue]:
        batches = self._batches
        for transaction in transactions:
            shard = shard_of(self._name_of(transaction))
            batches.setdefault(shard, []).append(transaction)
        full = [shard for shard, batch in batches.items() if len(batch) >= _BATCH_MAX]
        for shard in full:
            batch = batches.pop(shard)
            yield TimestampedValue((shard, packed.pack(batch)), _earliest(batch))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for shard, batch in self._batches.items():
            element = (shard, packed.pack(batch))
            yield WindowedValue(element, _earliest(batch), (GlobalWindow(),))
        self._batches = {}


def shard_of(name: str) -> int:
    """Returns the shard of a name, 0 to SHARDS - 1."""
    return zlib.crc32(name.encode()) % SHARDS


def _earliest(batch: list[Transaction]) -> Timestamp:
    return Timestamp(micros=min(transaction.broker_time_us for transaction in batch))

"""How is state asked once for many records? Each bundle gathers its own by shard first."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms import coders
from transforms.contract.transaction import Transaction

# Named state is API: another number of shards would look for what is remembered in the wrong place.
SHARDS = 32
# Bounds what a batch takes in memory where a bundle is the whole input (DirectRunner).
_BATCH_MAX = 2_000

_ = coders.TRANSACTION  # registered by the import: transactions cross a shuffle below


class BatchByShard(beam.PTransform):
    """Gathers transactions by the shard of one of their names.

    Input:      Transaction, element timestamp = arrival.
    Output:     (shard, [Transaction, …]), timestamp = the earliest arrival in the batch.
    Guarantee:  every transaction is in one batch, in the order in which it came.
    """

    def __init__(self, name_of: Callable[[Transaction], str]) -> None:
        super().__init__()
        self._name_of = name_of

    def expand(
        self, transactions: beam.PCollection[Transaction]
    ) -> beam.PCollection[tuple[int, list[Transaction]]]:
        """Returns the batches."""
        return transactions | "Batch" >> beam.ParDo(_BatchFn(self._name_of)).with_output_types(
            tuple[int, list[Transaction]]
        )


class _BatchFn(beam.DoFn):
    def __init__(self, name_of: Callable[[Transaction], str]) -> None:
        self._name_of = name_of
        self._batches: dict[int, list[Transaction]] = {}

    def start_bundle(self) -> None:
        # What a failed bundle had gathered comes again.
        self._batches = {}

    def process(self, transaction: Transaction) -> Iterator[TimestampedValue]:
        shard = shard_of(self._name_of(transaction))
        batch = self._batches.setdefault(shard, [])
        batch.append(transaction)
        if len(batch) >= _BATCH_MAX:
            yield TimestampedValue((shard, self._batches.pop(shard)), _earliest(batch))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for shard, batch in self._batches.items():
            yield WindowedValue((shard, batch), _earliest(batch), (GlobalWindow(),))
        self._batches = {}


def shard_of(name: str) -> int:
    """Returns the shard of a name, 0 to SHARDS - 1."""
    return zlib.crc32(name.encode()) % SHARDS


def _earliest(batch: list[Transaction]) -> Timestamp:
    return Timestamp(micros=min(transaction.broker_time_us for transaction in batch))

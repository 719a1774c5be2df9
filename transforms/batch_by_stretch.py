"""Gathers payments by shard before the shuffle, cut into stretches of their arrival."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from transforms.batch_by_shard import Shards
from transforms.contract.stretch import Clock
from transforms.contract.transaction import Transaction

# Bounds what a batch takes in memory where a bundle is the whole input (DirectRunner).
_BATCH_MAX = 2_000


class BatchByStretch(beam.PTransform):
    """Gathers transactions by the shard of their account, and cuts them by their arrival.

    Input:      [Transaction, …].
    Output:     (key of the shard, Pieces one after the other), timestamp = the earliest arrival.
    Guarantee:  every transaction is in one piece; a piece holds transactions of one stretch, in the
                order in which they are judged.
    """

    def __init__(self, shards: Shards) -> None:
        super().__init__()
        self._shards = shards

    def expand(
        self, transactions: beam.PCollection[list[Transaction]]
    ) -> beam.PCollection[tuple[int, bytes]]:
        """Returns the batches."""
        # Named so that state of another number of shards is not found, but refused (by Flink).
        label = f"Batch for {len(self._shards)} shards"
        batch = beam.ParDo(_BatchFn(self._shards))
        return transactions | label >> batch.with_output_types(tuple[int, bytes])


class _BatchFn(beam.DoFn):
    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._clocks = clocks(shards)
        self._batches: dict[int, list[Transaction]] = {}

    def start_bundle(self) -> None:
        # What a failed bundle had gathered comes again.
        self._batches = defaultdict(list)

    def process(self, transactions: list[Transaction]) -> Iterator[TimestampedValue]:
        batches, shard_of = self._batches, self._shards.of
        for transaction in transactions:
            batches[shard_of(transaction.account_id)].append(transaction)
        full = [shard for shard, batch in batches.items() if len(batch) >= _BATCH_MAX]
        for shard in full:
            batch = batches.pop(shard)
            yield TimestampedValue((shard, self._cut(shard, batch)), _earliest(batch))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for shard, batch in self._batches.items():
            element = (shard, self._cut(shard, batch))
            yield WindowedValue(element, _earliest(batch), (GlobalWindow(),))
        self._batches = {}

    def _cut(self, shard: int, batch: list[Transaction]) -> bytes:
        return b"".join(piece.encode() for piece in self._clocks[shard].cut(batch))


def clocks(shards: Shards) -> dict[int, Clock]:
    """Returns the clock of each shard, by its key."""
    return {key: Clock(number, len(shards)) for number, key in enumerate(shards.keys)}


def _earliest(batch: list[Transaction]) -> Timestamp:
    return Timestamp(micros=batch[0].broker_time_us)  # cut into stretches, and so in order

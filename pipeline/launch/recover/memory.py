"""Collects the ids of the last horizon for a job that begins without state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from transforms import shard_memory
from transforms.batch_by_shard import Shards
from transforms.payment.dedup_policy import DedupPolicy
from transforms.payment.transaction import Transaction
from transforms.shard_memory import Memory, ShardFile
from transforms.state.id_memory import Entries
from transforms.state.shard import Catalogue, Shard, pack

_BATCH = 10_000


def write(
    folder: str, policy: DedupPolicy, shards: Shards, accepted: Iterable[Transaction]
) -> Memory | None:
    """Writes the memory of these payments; returns None when there are none to remember.

    The files hold what Deduplicate's own state would: the same code decides what goes in.
    """
    writers = {key: _ShardWriter(policy, len(shards)) for key in shards.keys}
    some = False
    for payment in accepted:
        writers[shards.of(payment.transaction_id)].add(payment)
        some = True
    if not some:
        return None
    for key, writer in writers.items():
        shard_memory.write(folder, key, writer.content())
    return Memory(folder)


class _ShardWriter:
    """Gathers the memory of one shard."""

    def __init__(self, policy: DedupPolicy, shards: int) -> None:
        self._shard = Shard(policy, Catalogue(), shards)
        self._entries: dict[int, list[Entries]] = defaultdict(list)
        self._batch: list[Transaction] = []

    def add(self, payment: Transaction) -> None:
        self._batch.append(payment)
        if len(self._batch) >= _BATCH:
            self._decide()

    def content(self) -> ShardFile:
        self._decide()
        blobs = [pack(bucket, np.concatenate(parts)) for bucket, parts in self._entries.items()]
        return ShardFile(self._shard.catalogue, blobs)

    def _decide(self) -> None:
        for bucket, entries in self._shard.decide(self._batch).fresh.items():
            self._entries[bucket].append(entries)
        self._batch = []

"""Deduplication of many ids, fast: by shard and bundle, not by id and record.

State is asked once per shard and batch, and holds forty bytes per id (state/id_memory.py). A
worker keeps a sorted copy of the shards that it has seen; it is only a cache, valid as long as
its token is the one in state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.timestamp import Timestamp

from transforms import metrics, shard_memory
from transforms.payment.dedup_policy import DedupPolicy, RepeatedRecord
from transforms.payment.outcome import Outcome
from transforms.shard_memory import Memory
from transforms.state import packed
from transforms.state.shard import Catalogue, Shard, pack, unpack


class KeepFirstOfShard(beam.DoFn):
    """Remembers the ids of a shard, bucket by bucket of their first arrival.

    With a horizon of 60 s, buckets of 15 s:
        [A@03 B@04]    → both accepted; bucket 0 := A, B; forget timer := 15 + 60
        [A@50 C@51]    → A duplicate; bucket 3 := C; the timer stays
        watermark > 75 → bucket 0 cleared; forget timer := 60 + 60
        [A@80]         → accepted; the policy called it forgotten from 63 on
    """

    # State and timer names survive a job update: renaming one loses every remembered id.
    CATALOGUE = ReadModifyWriteStateSpec("shard_catalogue", BytesCoder())
    CELL_0 = BagStateSpec("ids_0", BytesCoder())
    CELL_1 = BagStateSpec("ids_1", BytesCoder())
    CELL_2 = BagStateSpec("ids_2", BytesCoder())
    CELL_3 = BagStateSpec("ids_3", BytesCoder())
    CELL_4 = BagStateSpec("ids_4", BytesCoder())
    CELL_5 = BagStateSpec("ids_5", BytesCoder())
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(
        self,
        policy: DedupPolicy,
        tags: tuple[str, str],
        shards: int,
        memory: Memory | None = None,
    ) -> None:
        self._policy = policy
        self._shards = shards
        self._memory = memory
        self._tags = dict(zip((Outcome.DUPLICATE, Outcome.CONFLICT), tags, strict=True))
        self._accepted = metrics.counter("transactions_accepted")
        self._counters = {
            Outcome.DUPLICATE: metrics.counter("transactions_duplicate"),
            Outcome.CONFLICT: metrics.counter("transactions_conflict"),
        }
        self._forgotten = metrics.counter("ids_forgotten")
        self._caches: dict[int, Shard] = {}

    def process(  # noqa: PLR0917
        self,
        element: tuple[int, bytes],
        catalogue: Any = beam.DoFn.StateParam(CATALOGUE),
        cell_0: Any = beam.DoFn.StateParam(CELL_0),
        cell_1: Any = beam.DoFn.StateParam(CELL_1),
        cell_2: Any = beam.DoFn.StateParam(CELL_2),
        cell_3: Any = beam.DoFn.StateParam(CELL_3),
        cell_4: Any = beam.DoFn.StateParam(CELL_4),
        cell_5: Any = beam.DoFn.StateParam(CELL_5),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[Any]:
        """Decides the records of one batch."""
        number, batch = element[0], packed.unpack(element[1])
        cells = (cell_0, cell_1, cell_2, cell_3, cell_4, cell_5)
        if self._memory is not None and catalogue.read() is None:
            self._begin_with(self._memory, number, catalogue, cells, forget)
        shard = self._shard(number, catalogue, cells)
        accepted, copies, fresh = shard.decide(batch)
        if fresh:
            for bucket, entries in fresh.items():
                cells[bucket % len(cells)].add(pack(bucket, entries))
            self._save(number, shard, catalogue, forget)
        if accepted:
            self._accepted.inc(len(accepted))
            yield accepted
        for outcome, tag in self._tags.items():
            found = [
                RepeatedRecord(each.transaction, each.first)
                for each in copies
                if each.outcome is outcome
            ]
            if found:
                self._counters[outcome].inc(len(found))
                yield TaggedOutput(tag, found)

    @on_timer(FORGET)
    def forget_bucket(  # noqa: PLR0917
        self,
        number: Any = beam.DoFn.KeyParam,
        fired_at: Any = beam.DoFn.TimestampParam,
        catalogue: Any = beam.DoFn.StateParam(CATALOGUE),
        cell_0: Any = beam.DoFn.StateParam(CELL_0),
        cell_1: Any = beam.DoFn.StateParam(CELL_1),
        cell_2: Any = beam.DoFn.StateParam(CELL_2),
        cell_3: Any = beam.DoFn.StateParam(CELL_3),
        cell_4: Any = beam.DoFn.StateParam(CELL_4),
        cell_5: Any = beam.DoFn.StateParam(CELL_5),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> None:
        """Forgets the buckets whose last id may be forgotten."""
        cells = (cell_0, cell_1, cell_2, cell_3, cell_4, cell_5)
        shard = self._shard(number, catalogue, cells)
        for bucket in shard.forgettable(fired_at.micros // 1_000):
            self._forgotten.inc(shard.drop(bucket))
            _clear(cells[bucket % len(cells)], bucket)
        self._save(number, shard, catalogue, forget)

    def _begin_with(
        self,
        memory: Memory,
        number: int,
        catalogue: Any,
        cells: Sequence[Any],
        forget: Any,
    ) -> None:
        """Puts what a job without state is to remember into the state of a shard that has none.

        Whatever its first batch is: one of another partition may be behind it in time, with a copy
        of an id that lies in the memory.
        """
        content = shard_memory.read(memory.folder, number)
        for blob in content.blobs:
            cells[unpack(blob)[0] % len(cells)].add(blob)
        shard = Shard(self._policy, content.catalogue, self._shards)
        for blob in content.blobs:
            shard.load(*unpack(blob))
        self._save(number, shard, catalogue, forget)

    def _shard(self, number: int, catalogue: Any, cells: Sequence[Any]) -> Shard:
        """Returns the shard as state has it: from the cache, if the cache is of this state."""
        known = Catalogue.decode(catalogue.read())
        # Taken out: should this bundle fail halfway, what it did to the copy is gone with it.
        cached = self._caches.pop(number, None)
        if cached is not None and cached.catalogue.token == known.token:
            return cached
        shard = Shard(self._policy, known, self._shards)
        for place in {bucket % len(cells) for bucket in known.counts}:
            for blob in cells[place].read():
                shard.load(*unpack(blob))
        return shard

    def _save(self, number: int, shard: Shard, catalogue: Any, forget: Any) -> None:
        shard.catalogue.token = os.urandom(8).hex()
        self._caches[number] = shard
        if shard.catalogue.counts:
            catalogue.write(shard.catalogue.encode())
            forget.set(Timestamp(micros=shard.next_forgetting_ms() * 1_000))
        else:
            del self._caches[number]
            if self._memory is None:
                catalogue.clear()
            else:  # a shard without a catalogue would begin with the memory once more
                catalogue.write(shard.catalogue.encode())


def _clear(cell: Any, bucket: int) -> None:
    """Takes a bucket out of its cell, which others may share."""
    others = [blob for blob in cell.read() if unpack(blob)[0] != bucket]
    cell.clear()
    for blob in others:
        cell.add(blob)

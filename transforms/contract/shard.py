"""Which records of a batch are the first of their ids? Decided for a shard of all ids at once.

DedupPolicy gives the answers; here is what it decides on, and what state keeps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import orjson

from transforms.contract.dedup_policy import DedupPolicy, FirstSeen
from transforms.contract.id_memory import (
    ENTRY,
    Digest,
    Entries,
    IdMemory,
    Remembered,
    digest_of,
    digest_of_facts,
)
from transforms.contract.outcome import Outcome
from transforms.contract.transaction import Transaction, facts_of, place_of

# Ids are kept for at most a horizon and a bucket: 1.25 horizons.
BUCKETS_PER_HORIZON = 4
_HEADER_BYTES = 8
_TICK_MS = 1


class HorizonChanged(RuntimeError):
    """The ids in state were remembered for another horizon than this job's."""


class Decision(NamedTuple):
    """How one record ends."""

    transaction: Transaction
    outcome: Outcome
    first: FirstSeen | None  # of a copy; its facts are known as a digest only


@dataclasses.dataclass
class Catalogue:
    """What state says of a shard, besides its ids.

    Attributes:
        token: random, another after every change: tells a copy of this very state from any other.
        counts: how many ids there are in each bucket.
        topics: names, by the numbers that entries hold.
        bucket_ms: length of the buckets that the ids lie in; 0 as long as there are none.
    """

    token: str = ""
    counts: dict[int, int] = dataclasses.field(default_factory=dict)
    topics: list[str] = dataclasses.field(default_factory=list)
    bucket_ms: int = 0

    def encode(self) -> bytes:
        """Returns the catalogue as it rests in state."""
        return orjson.dumps((self.token, list(self.counts.items()), self.topics, self.bucket_ms))

    @classmethod
    def decode(cls, stored: bytes | None) -> Catalogue:
        """Returns what `encode` was called on, an empty catalogue for None."""
        if stored is None:
            return cls()
        token, counts, topics, bucket_ms = orjson.loads(stored)
        return cls(token, {bucket: count for bucket, count in counts}, topics, bucket_ms)


class Shard:
    """The remembered ids of one shard, and the decisions on them."""

    def __init__(self, policy: DedupPolicy, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._policy = policy
        self._horizon_ms = policy.horizon_us // 1_000
        self._bucket_ms = max(1, self._horizon_ms // BUCKETS_PER_HORIZON)
        self._memory = IdMemory(self._bucket_ms)
        # Arrivals are kept as places in buckets: with others they would be read as other times.
        if catalogue.bucket_ms not in (0, self._bucket_ms):
            raise HorizonChanged(
                f"the ids in state have a horizon of {_horizon_sec(catalogue.bucket_ms):g} s, this "
                f"job has {_horizon_sec(self._bucket_ms):g} s. Hint: --allowed_lateness_sec + "
                "--clock_skew_sec must stay what it was as long as the state is kept "
                "(docs/upgrade.md)."
            )
        catalogue.bucket_ms = self._bucket_ms

    def load(self, bucket: int, entries: Entries) -> None:
        """Takes entries from state; the catalogue counts them already."""
        self._memory.add(bucket, entries)

    def decide(self, batch: Sequence[Transaction]) -> tuple[list[Decision], dict[int, Entries]]:
        """Decides the records of a batch in their order, and remembers the accepted ones.

        Returns:
            the decisions, and the new entries by bucket, which must go into state.
        """
        digests = [digest_of(transaction.transaction_id) for transaction in batch]
        known = self._memory.find(digests)
        fresh: dict[Digest, Remembered] = {}
        accepted: dict[int, list[tuple[int, ...]]] = {}
        decisions = []
        for transaction, digest, stored in zip(batch, digests, known, strict=True):
            facts = digest_of_facts(facts_of(transaction))
            remembered = fresh.get(digest, stored)
            first = None if remembered is None else self._first_seen(remembered)
            if first is not None and first[1:4] == place_of(transaction):
                # The very record that is remembered: a job that began with the memory of another
                # reads it, for the other was lost before its row was written.
                decisions.append(Decision(transaction, Outcome.ACCEPTED, None))
            elif (
                first is None
                or remembered is None
                or self._policy.forgets(first, transaction.broker_time_us)
            ):
                fresh[digest] = self._remember(transaction, facts)
                bucket, entry = self._memory.entry(digest, fresh[digest])
                accepted.setdefault(bucket, []).append(entry)
                decisions.append(Decision(transaction, Outcome.ACCEPTED, None))
            else:
                outcome = self._policy.outcome_of_copy(remembered.facts == facts)
                decisions.append(Decision(transaction, outcome, first))
        return decisions, {bucket: self._add(bucket, each) for bucket, each in accepted.items()}

    def forgettable(self, now_ms: int) -> list[int]:
        """Returns the buckets in which every id may be forgotten."""
        return [bucket for bucket in self.catalogue.counts if self._forget_at_ms(bucket) <= now_ms]

    def next_forgetting_ms(self) -> int:
        """Returns when the next bucket becomes forgettable, milliseconds since the epoch."""
        return self._forget_at_ms(min(self.catalogue.counts))

    def drop(self, bucket: int) -> int:
        """Forgets a bucket; returns how many ids it held."""
        self._memory.drop(bucket)
        return self.catalogue.counts.pop(bucket)

    def _forget_at_ms(self, bucket: int) -> int:
        return (bucket + 1) * self._bucket_ms + self._horizon_ms + _TICK_MS

    def _add(self, bucket: int, accepted: list[tuple[int, ...]]) -> Entries:
        entries = np.array(accepted, ENTRY)
        self._memory.add(bucket, entries)
        counts = self.catalogue.counts
        counts[bucket] = counts.get(bucket, 0) + len(accepted)
        return entries

    def _remember(self, transaction: Transaction, facts: int) -> Remembered:
        topics = self.catalogue.topics
        if transaction.topic not in topics:
            topics.append(transaction.topic)
        return Remembered(
            facts,
            transaction.broker_time_us // 1_000,
            topics.index(transaction.topic),
            transaction.partition,
            transaction.offset,
        )

    def _first_seen(self, remembered: Remembered) -> FirstSeen:
        return FirstSeen(
            None,
            self.catalogue.topics[remembered.topic],
            remembered.partition,
            remembered.offset,
            remembered.arrival_ms * 1_000,
        )


def _horizon_sec(bucket_ms: int) -> float:
    return bucket_ms * BUCKETS_PER_HORIZON / 1_000


def pack(bucket: int, entries: Entries) -> bytes:
    """Returns entries of one bucket as they rest in state."""
    return bucket.to_bytes(_HEADER_BYTES, "little") + entries.tobytes()


def unpack(blob: bytes) -> tuple[int, Entries]:
    """Returns what `pack` was called on."""
    bucket = int.from_bytes(blob[:_HEADER_BYTES], "little")
    return bucket, np.frombuffer(blob, ENTRY, offset=_HEADER_BYTES)

"""Decides which records of a batch are the first of their ids, for a shard of ids at once.

DedupPolicy gives the answers; here is what it decides on, and what state keeps.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.ends_job import EndsJob
from transforms.payment.number_limits import BUCKET_MS_MAX, BUCKETS_PER_HORIZON, HORIZON_SEC_MAX
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction, by_field, place_of
from transforms.state.id_memory import (
    ENTRY,
    Digests,
    Entries,
    IdMemory,
    Remembered,
    digests_of,
    digests_of_facts,
)

_HEADER_BYTES = 8
_TICK_MS = 1


class HorizonChanged(EndsJob):
    """The ids in state were remembered for another horizon than this job's."""


class ShardsChanged(EndsJob):
    """The ids in state lie in another number of shards than this job's."""


class ContractChanged(EndsJob):
    """The ids in state were remembered by another contract than this job's."""


class Decision(NamedTuple):
    """How a copy ends."""

    transaction: Transaction
    outcome: Outcome
    first: FirstSeen  # its facts are known as a digest only


class Decided(NamedTuple):
    """How the records of a batch end, in their order.

    Attributes:
        accepted: the first of their ids.
        copies: all others.
        fresh: new entries by bucket, which must go into state.
    """

    accepted: list[Transaction]
    copies: list[Decision]
    fresh: dict[int, Entries]


@dataclasses.dataclass
class Catalogue:
    """What state says of a shard, besides its ids.

    Attributes:
        token: random, another after every change: tells a copy of this very state from any other.
        counts: how many ids there are in each bucket.
        topics: names, by the numbers that entries hold.
        bucket_ms: length of the buckets that the ids lie in; 0 as long as there are none.
        shards: how many there are besides; 0 as long as there are no ids.
        contract: mark of the contract by which ids and facts were read (contract/fingerprint.py).
    """

    token: str = ""
    counts: dict[int, int] = dataclasses.field(default_factory=dict)
    topics: list[str] = dataclasses.field(default_factory=list)
    bucket_ms: int = 0
    shards: int = 0
    contract: str = ""

    def encode(self) -> bytes:
        """Returns the catalogue as it rests in state."""
        counts = list(self.counts.items())
        head = (self.token, counts, self.topics, self.bucket_ms, self.shards)
        return orjson.dumps((*head, self.contract) if self.contract else head)

    @classmethod
    def decode(cls, stored: bytes | None) -> Catalogue:
        """Returns what `encode` was called on, an empty catalogue for None."""
        if stored is None:
            return cls()
        token, counts, *others = orjson.loads(stored)
        return cls(token, {bucket: count for bucket, count in counts}, *others)


class Shard:
    """The remembered ids of one shard, and the decisions on them."""

    def __init__(self, policy: DedupPolicy, catalogue: Catalogue, shards: int) -> None:
        self.catalogue = catalogue
        self._policy = policy
        self._horizon_ms = policy.horizon_us // 1_000
        self._bucket_ms = max(1, self._horizon_ms // BUCKETS_PER_HORIZON)
        if self._bucket_ms > BUCKET_MS_MAX:
            raise ValueError(f"a horizon must be at most {HORIZON_SEC_MAX} s")
        self._memory = IdMemory(self._bucket_ms)
        # Arrivals are kept as places in buckets: with others they would be read as other times.
        if catalogue.bucket_ms not in (0, self._bucket_ms):
            raise HorizonChanged(
                f"the ids in state have a horizon of {_horizon_sec(catalogue.bucket_ms):g} s, this "
                f"job has {_horizon_sec(self._bucket_ms):g} s. Hint: --allowed_lateness_sec + "
                "--clock_skew_sec, and with producers' times the topic's bounds (before.max.ms + "
                "after.max.ms), must stay what they were as long as the state is kept; "
                "--start_from_tables=FOLDER begins with others (docs/upgrade.md)."
            )
        catalogue.bucket_ms = self._bucket_ms
        # By another one the digest of an id, or of its facts, is another: a copy would count twice.
        if catalogue.shards and catalogue.contract != policy.contract:
            raise ContractChanged(
                "the ids in state were read by another contract than this job's: its "
                f"transaction_id, facts or digits are others ({_said(catalogue.contract)}, not "
                f"{_said(policy.contract)}). Hint: go on with that contract, or count into tables "
                "of their own (docs/your_payments.md)."
            )
        catalogue.contract = policy.contract
        # With another number most ids would be looked for where they are not, and count twice.
        if catalogue.shards not in (0, shards):
            raise ShardsChanged(
                f"the ids in state lie in {catalogue.shards} shards, this job has {shards}. Hint: "
                "--shards must stay what it was as long as the state is kept; "
                "--start_from_tables=FOLDER begins with another number (docs/upgrade.md)."
            )
        catalogue.shards = shards

    def load(self, bucket: int, entries: Entries) -> None:
        """Takes entries from state; the catalogue counts them already."""
        self._memory.add(bucket, entries)

    def decide(self, batch: Sequence[Transaction]) -> Decided:
        """Decides the records of a batch in their order, and remembers the accepted ones."""
        if not batch:
            return Decided([], [], {})
        columns = by_field(batch)
        digests = digests_of(columns.transaction_id)
        known = self._memory.find(digests)
        facts = digests_of_facts(batch, self._policy.facts)
        # All others are the first of their ids, which most records are: they are never looked at.
        unsure = sorted(known.keys() | _repeated(columns.transaction_id))
        copies, not_new = self._look_at(unsure, batch, known, facts)
        new = np.ones(len(batch), bool)
        new[[*not_new, *copies]] = False
        fresh = self._remember(columns, digests, facts, np.flatnonzero(new))
        accepted = (
            [each for number, each in enumerate(batch) if number not in copies]
            if copies
            else list(batch)
        )
        return Decided(accepted, list(copies.values()), fresh)

    def _look_at(
        self,
        unsure: Sequence[int],
        batch: Sequence[Transaction],
        known: Mapping[int, Remembered],
        facts: npt.NDArray[np.uint64],
    ) -> tuple[dict[int, Decision], list[int]]:
        """Decides records whose id is remembered, or stands in the batch twice, one by one.

        Returns:
            the copies by their number, and the accepted that are remembered already.
        """
        copies: dict[int, Decision] = {}
        not_new: list[int] = []
        fresh: dict[str, Remembered] = {}
        for number in unsure:
            transaction = batch[number]
            remembered = fresh.get(transaction.transaction_id, known.get(number))
            first = None if remembered is None else self._first_seen(remembered)
            if first is not None and _place_of(first) == place_of(transaction):
                # The very record that is remembered: a job that began with the memory of another
                # reads it, for the other was lost before its row was written.
                not_new.append(number)
            elif (
                first is None
                or remembered is None
                or self._policy.forgets(first, transaction.broker_time_us)
            ):
                fresh[transaction.transaction_id] = self._remembered(transaction, facts[number])
            else:
                outcome = self._policy.outcome_of_copy(remembered.facts == facts[number])
                copies[number] = Decision(transaction, outcome, first)
        return copies, not_new

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

    def _remember(
        self,
        columns: Any,
        digests: Digests,
        facts: npt.NDArray[np.uint64],
        new: npt.NDArray[np.intp],
    ) -> dict[int, Entries]:
        """Adds the new ids to the memory; returns their entries by bucket."""
        entries = np.empty(len(new), ENTRY)
        entries["id_high"], entries["id_low"] = digests["high"][new], digests["low"][new]
        entries["facts"] = facts[new]
        entries["offset"] = np.array(columns.offset, np.uint64)[new]
        entries["partition"] = np.array(columns.partition, np.uint16)[new]
        numbers = {topic: self._number_of(topic) for topic in set(columns.topic)}
        entries["topic"] = np.array([numbers[topic] for topic in columns.topic], np.uint16)[new]
        arrivals_ms = np.array(columns.broker_time_us, np.int64)[new] // 1_000
        buckets, places_ms = np.divmod(arrivals_ms, self._bucket_ms)
        entries["arrival_ms"] = places_ms
        fresh = {int(bucket): entries[buckets == bucket] for bucket in np.unique(buckets)}
        counts = self.catalogue.counts
        for bucket, each in fresh.items():
            self._memory.add(bucket, each)
            counts[bucket] = counts.get(bucket, 0) + len(each)
        return fresh

    def _number_of(self, topic: str) -> int:
        topics = self.catalogue.topics
        if topic not in topics:
            topics.append(topic)
        return topics.index(topic)

    def _remembered(self, transaction: Transaction, facts: np.uint64) -> Remembered:
        return Remembered(
            int(facts),
            transaction.broker_time_us // 1_000,
            self._number_of(transaction.topic),
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


def _place_of(first: FirstSeen) -> tuple[str, int, int]:
    return first.topic, first.partition, first.offset


def _repeated(ids: Sequence[str]) -> set[int]:
    """Returns the places of ids that stand there more than once."""
    if len(set(ids)) == len(ids):
        return set()
    counts = Counter(ids)
    return {number for number, each in enumerate(ids) if counts[each] > 1}


def _said(mark: str) -> str:
    return mark[:12] or "our own JSON"


def _horizon_sec(bucket_ms: int) -> float:
    return bucket_ms * BUCKETS_PER_HORIZON / 1_000


def pack(bucket: int, entries: Entries) -> bytes:
    """Returns entries of one bucket as they rest in state."""
    return bucket.to_bytes(_HEADER_BYTES, "little") + entries.tobytes()


def unpack(blob: bytes) -> tuple[int, Entries]:
    """Returns what `pack` was called on."""
    bucket = int.from_bytes(blob[:_HEADER_BYTES], "little")
    return bucket, np.frombuffer(blob, ENTRY, offset=_HEADER_BYTES)

"""Remembers many ids in little memory: forty bytes each, sorted, in buckets of time.

A bucket holds the ids that first arrived in one stretch of time. It is forgotten as a whole, when
the last of them may be. An id is kept as a 128-bit digest: two of 10^12 live ids share one with a
probability of 10^24 / 2 / 2^128 < 10^-14, and then the second payment would be set aside as a
conflict or duplicate that names another id's record, which the reconciliation finds.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from transforms.payment.number_limits import ARRIVAL_BITS, PARTITION_BITS, TOPIC_BITS
from transforms.payment.transaction import DEFAULT_FACTS, PAYLOAD, Transaction

ENTRY = np.dtype(
    [
        ("id_high", "<u8"),  # the sort key
        ("id_low", "<u8"),
        ("facts", "<u8"),  # digest of the payment facts: tells a conflict from a duplicate
        ("offset", "<u8"),
        ("arrival_ms", f"<u{ARRIVAL_BITS // 8}"),  # since the bucket began
        ("partition", f"<u{PARTITION_BITS // 8}"),
        ("topic", f"<u{TOPIC_BITS // 8}"),  # number of the topic in a list that is kept beside
    ]
)
Entries = npt.NDArray[np.void]

# A run is merged with the one before it unless that is more than so many times as long: with 10
# million ids there are about ten runs, and each is searched for every batch.
_RUN_GROWTH = 2


# 128 bits of each id.
DIGEST = np.dtype([("high", "<u8"), ("low", "<u8")])
Digests = npt.NDArray[np.void]


class Remembered(NamedTuple):
    """What is remembered of the accepted record of an id."""

    facts: int
    arrival_ms: int  # since the epoch
    topic: int
    partition: int
    offset: int


def digests_of(transaction_ids: Iterable[str]) -> Digests:
    """Returns the digests of ids."""
    digest = hashlib.blake2b
    raw = b"".join([digest(each.encode(), digest_size=16).digest() for each in transaction_ids])
    return np.frombuffer(raw, DIGEST)


@functools.cache
def _texts_of(names: Sequence[str]) -> Callable[[Iterable[Transaction]], list[bytes]]:
    """Returns what gives the facts of each as one text; one that is absent is empty in it."""
    # No fact holds the character between them. Compiled, for this is done for every record and an
    # f-string is the quickest there is.
    optional = {each.name for each in PAYLOAD if each.column.nullable}
    facts = "\0".join(
        f"{{it.{name} or ''}}" if name in optional else f"{{it.{name}}}" for name in names
    )
    made: Callable[[Iterable[Transaction]], list[bytes]] = eval(
        f"lambda transactions: [f{facts!r}.encode() for it in transactions]"
    )
    return made


def digests_of_facts(
    transactions: Iterable[Transaction], names: Sequence[str] = DEFAULT_FACTS
) -> npt.NDArray[np.uint64]:
    """Returns 64 bits for each that differ when any fact does, but for one pair in 2^64."""
    digest = hashlib.blake2b
    texts = _texts_of(tuple(names))(transactions)
    return np.frombuffer(b"".join([digest(each, digest_size=8).digest() for each in texts]), "<u8")


class IdMemory:
    """The remembered ids of one shard.

    A bucket is a few sorted runs, each more than twice as long as the next: what is new is merged
    with what is short, so that an id is moved a dozen times and not with every batch.

    `bucket_ms` is the length of a bucket; bucket n begins n × bucket_ms after the epoch.
    """

    def __init__(self, bucket_ms: int) -> None:
        self._bucket_ms = bucket_ms
        self._buckets: dict[int, list[Entries]] = {}

    def add(self, bucket: int, entries: Entries) -> None:
        """Adds entries to a bucket."""
        runs = self._buckets.setdefault(bucket, [])
        run = _sorted(entries)
        while runs and len(runs[-1]) <= _RUN_GROWTH * len(run):
            run = _sorted(np.concatenate((runs.pop(), run)))
        runs.append(run)

    def drop(self, bucket: int) -> None:
        """Forgets a bucket."""
        self._buckets.pop(bucket, None)

    def find(self, digests: Digests) -> dict[int, Remembered]:
        """Returns the newest record remembered of each known id, by the place of its digest."""
        found: dict[int, Remembered] = {}
        # An id that was accepted again after its horizon stands in two buckets: the newest counts.
        for bucket, runs in self._buckets.items():
            for run in runs:
                for number, entry in _hits(run, digests):
                    remembered = self._remembered(bucket, entry)
                    known = found.get(number)
                    if known is None or known.arrival_ms < remembered.arrival_ms:
                        found[number] = remembered
        return found

    def _remembered(self, bucket: int, entry: np.void) -> Remembered:
        return Remembered(
            int(entry["facts"]),
            bucket * self._bucket_ms + int(entry["arrival_ms"]),
            int(entry["topic"]),
            int(entry["partition"]),
            int(entry["offset"]),
        )


def _sorted(entries: Entries) -> Entries:
    # Timsort, which "stable" is for integers this long, merges two sorted runs in one pass.
    return entries[np.argsort(entries["id_high"], kind="stable")]


def _hits(run: Entries, digests: Digests) -> Iterator[tuple[int, np.void]]:
    """Yields the places of the digests that are in the run, each with its newest entry there."""
    highs, wanted = run["id_high"], digests["high"]
    places = np.searchsorted(highs, wanted)
    for number in np.flatnonzero(highs[np.minimum(places, len(highs) - 1)] == wanted).tolist():
        entry = _entry_at(run, int(places[number]), digests[number])
        if entry is not None:
            yield number, entry


def _entry_at(entries: Entries, place: int, digest: np.void) -> np.void | None:
    """Returns the newest entry of the digest at or after `place`, where its high half begins."""
    newest: np.void | None = None
    while place < len(entries) and entries[place]["id_high"] == digest["high"]:
        entry = entries[place]
        is_newer = newest is None or entry["arrival_ms"] > newest["arrival_ms"]
        if entry["id_low"] == digest["low"] and is_newer:
            newest = entry
        place += 1
    return newest

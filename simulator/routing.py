"""Says to which partition a key belongs, and finds a key that belongs to another."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from kafka.partitioner.default import murmur2


class Route(NamedTuple):
    """Where a record goes. The partition is always set, so that a ledger can be planned."""

    key: bytes
    partition: int


class Router:
    """Places keys as Kafka's own producers do: murmur2, modulo the number of partitions."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._home: dict[bytes, Route] = {}
        self._away: dict[bytes, Route] = {}

    def home(self, key: bytes) -> Route:
        """Returns the route that the key itself has."""
        route = self._home.get(key)
        if route is None:
            route = self._home[key] = Route(key, self._partition_of(key))
        return route

    def away(self, key: bytes) -> Route:
        """Returns another key, made from this one, on another partition if there is another."""
        route = self._away.get(key)
        if route is None:
            home = self._partition_of(key)
            candidates = (b"%s~%d" % (key, i) for i in itertools.count(1))
            route = next(
                Route(other, self._partition_of(other))
                for other in candidates
                if self._partitions == 1 or self._partition_of(other) != home
            )
            self._away[key] = route
        return route

    def _partition_of(self, key: bytes) -> int:
        return int(murmur2(key) & 0x7FFFFFFF) % self._partitions

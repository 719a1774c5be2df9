"""Measures how old a payment is when it can first be queried, by asking BigQuery from outside."""

from __future__ import annotations

import time
from collections.abc import Mapping

from google.cloud import bigquery

from harness.e2e_run import E2ERun
from operations import bigquery_client

# Event times are counted in slots as long as this; a latency is told from its slot's beginning.
_SLOT_MS = 100


class Latencies:
    """Seconds from event to queryable, each with how many payments had it."""

    def __init__(self) -> None:
        self._counts: dict[float, int] = {}

    def add(self, seconds: float, count: int) -> None:
        """Adds so many payments of one latency."""
        self._counts[seconds] = self._counts.get(seconds, 0) + count

    @property
    def total(self) -> int:
        """Returns how many payments there were."""
        return sum(self._counts.values())

    def percentile(self, percent: float) -> float:
        """Returns the latency, seconds, that so many per cent of the payments do not exceed.

        The nearest rank: a latency that a payment had. NaN without any payment.
        """
        rank = self.total * percent / 100
        passed = 0
        for seconds, count in sorted(self._counts.items()):
            passed += count
            if passed >= rank:
                return seconds
        return float("nan")


class Lookout:
    """Asks again and again which accepted payments there are, and notes how old the new ones are.

    What it tells is never too short: a payment counts as queryable when the answer that holds it
    has arrived, and as old as the beginning of its slot. It is too long by a slot, and by the time
    between two looks. Event times are those that the simulator planned, so a payment that it sent
    too late is late here as well.
    """

    def __init__(self, e2e_run: E2ERun) -> None:
        endpoints = e2e_run.endpoints
        self._client: bigquery.Client = bigquery_client.connect(
            endpoints["project"], endpoints["bigquery"]
        )
        self._sql = (
            f"SELECT DIV(UNIX_MILLIS(event_time), {_SLOT_MS}), COUNT(*) "
            f"FROM `{endpoints['project']}.{e2e_run.name}.transactions` GROUP BY 1"
        )
        self._seen: Mapping[int, int] = {}
        self.latencies = Latencies()

    def look(self) -> None:
        """Adds what has become queryable since the last look."""
        slots = {int(slot): int(count) for slot, count in self._client.query(self._sql).result()}
        now_sec = time.time()
        for slot, count in slots.items():
            if new := count - self._seen.get(slot, 0):
                self.latencies.add(now_sec - slot * _SLOT_MS / 1_000, new)
        self._seen = slots

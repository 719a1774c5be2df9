"""Sends records in transactions of Kafka, aborts some first, leaves one open for a while."""

from __future__ import annotations

import collections
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from kafka.errors import KafkaError

from simulator.produce import ProduceError, Publisher, connect
from simulator.send import Send
from simulator.traffic import Traffic

_FLUSH_SEC_MAX = 240.0
# The broker must not end what we leave open; it allows 15 minutes unless told otherwise.
_TIMEOUT_MS_MAX = 900_000


class TransactionalPublisher(Publisher):
    """Commits so many records at a time. What is aborted is sent once more, as careful senders do.

    So an aborted record is in no ledger: it was never sent. The same payment comes behind it.

    Raises (when made):
        ProduceError: no broker answers, it refuses the login, or it has no such topic.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, connection: dict[str, Any], traffic: Traffic
    ) -> None:
        settings = connection | _transactional(_TIMEOUT_MS_MAX)
        super().__init__(bootstrap_servers, topic, settings, traffic.clock_off_sec)
        _begin_with(self._producer.init_transactions, bootstrap_servers)
        self._records = traffic.transaction_records
        self._abort_ratio = traffic.abort_ratio
        self._rng = random.Random(f"{traffic.seed}:transactions")
        self._gathered: list[tuple[int, Send]] = []

    def send(self, n: int, send: Send) -> None:
        """Gathers a record, and sends all gathered once there are enough."""
        self._gathered.append((n, send))
        self.in_flight += 1
        if len(self._gathered) >= self._records:
            self.complete()

    def complete(self) -> None:
        """Sends what is gathered; sets `failure` when that cannot be done."""
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        self.in_flight -= len(gathered)
        try:
            if self._rng.random() < self._abort_ratio:
                self._producer.begin_transaction()
                for _, send in gathered:
                    self._hand_over(send)
                self._producer.flush(_FLUSH_SEC_MAX)  # or the abort would drop them here
                self._producer.abort_transaction()
            self._producer.begin_transaction()
            for n, send in gathered:
                super().send(n, send)
            self._producer.flush(_FLUSH_SEC_MAX)
            self._producer.commit_transaction()
        except (KafkaError, ProduceError) as error:
            self._give_up(gathered, error)

    def unacknowledged(self) -> list[tuple[int, Send]]:
        """Returns what was sent and never acknowledged, and what was only gathered."""
        return sorted(super().unacknowledged() + self._gathered, key=lambda each: each[0])

    def _give_up(self, gathered: list[tuple[int, Send]], error: Exception) -> None:
        # Stored they may be, but nobody knows whether they count.
        given_up = {n for n, _ in gathered}
        for partition, waiting in enumerate(self._waiting):
            kept = collections.deque(each for each in waiting if each[0] not in given_up)
            self.in_flight -= len(waiting) - len(kept)
            self._waiting[partition] = kept
        self._refused += gathered
        if not isinstance(error, ProduceError):
            error = self._failure(*gathered[0], error)
        self.failure = self.failure or error


class OpenTransaction:
    """A transaction of one record that stays open for a while and is aborted then.

    Consumers that read what is committed wait at it: for all that follows in its partition.
    """

    def __init__(
        self, bootstrap_servers: str, topic: str, connection: dict[str, Any], sec: float
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._producer = connect(bootstrap_servers, connection | _transactional(_TIMEOUT_MS_MAX))
        self._sec = sec
        self._end_sec: float | None = None  # None: not begun, or over

    def begin(self, send: Send) -> None:
        """Opens it with a copy of a record, in the partition of that. Raises ProduceError."""
        _begin_with(self._producer.init_transactions, self._bootstrap_servers)
        _begin_with(self._producer.begin_transaction, self._bootstrap_servers)
        sent = self._producer.send(
            self._topic,
            send.payload,
            send.key,
            headers=list(send.headers) if send.headers else None,
            partition=send.partition,
        )
        _begin_with(lambda: sent.get(_FLUSH_SEC_MAX), self._bootstrap_servers)
        self._end_sec = time.monotonic() + self._sec

    @property
    def open(self) -> bool:
        """Returns whether it has not ended."""
        return self._end_sec is not None

    def end(self, at_once: bool = False) -> None:
        """Aborts it if it is time; a broker that is away does so itself, later."""
        if self._end_sec is None or (time.monotonic() < self._end_sec and not at_once):
            return
        self._end_sec = None
        try:
            self._producer.abort_transaction()
            self._producer.close(timeout=1)
        except KafkaError:
            pass  # `transaction.timeout.ms` is for those who cannot say that they are gone


def _transactional(timeout_ms: int) -> dict[str, Any]:
    # Two with one id would fence each other.
    transactional_id = f"payments-simulator-{uuid.uuid4()}"
    return {"transactional_id": transactional_id, "transaction_timeout_ms": timeout_ms}


def _begin_with(step: Callable[[], Any], bootstrap_servers: str) -> None:
    try:
        step()
    except KafkaError as error:
        raise ProduceError(
            f"Kafka at {bootstrap_servers} does not begin a transaction: "
            f"{str(error).strip() or type(error).__name__}. Hint: with ACLs the user needs WRITE "
            "on transactional ids that begin with payments-simulator-"
        ) from None

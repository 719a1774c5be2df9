"""Sends a dead letter to its topic again, with its key, its headers and one that names it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from operations import kafka_client
from operations.dead_letters.candidate import Candidate
from operations.dead_letters.letters import replay_of
from operations.errors import ReplayUnanswered
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Place
from transforms.payment import replay

_FLUSH_TIMEOUT_SEC = 90  # more than the producer itself waits for a broker


class NotSent(Exception):
    """Kafka refused the record, or did not say that it has it."""


class ReplayProducer:
    """An idempotent producer of replays. Use `connected`."""

    def __init__(self, producer: KafkaProducer) -> None:
        self._producer = producer

    def put(self, candidate: Candidate, topic: str) -> Any:
        """Starts to send; returns what `place` waits for.

        Raises:
            NotSent: the record cannot even be tried.
        """
        of = replay_of(candidate.letter)
        own = [each for each in candidate.headers if each[0] != replay.HEADER]
        headers = [*own, (replay.HEADER, replay.encode(of))]
        # Where producers' times count, a replay must not claim to be older than what it sends again
        # (transforms/payment/replay.py): the clock of the first producer may be ahead of ours.
        time_ms = max(time.time_ns() // 1_000_000, -(-of.original_time_us // 1_000))
        try:
            return self._producer.send(
                topic, candidate.payload, candidate.key, headers=headers, timestamp_ms=time_ms
            )
        except KafkaError as error:
            raise NotSent(_text(error)) from None

    def place(self, started: Any) -> Place:
        """Returns where the record is, once the broker has acknowledged it.

        Raises:
            NotSent: it has not. Kafka may hold the record all the same.
        """
        try:
            metadata = started.get(_FLUSH_TIMEOUT_SEC)
        except KafkaError as error:
            raise NotSent(_text(error)) from None
        return Place(metadata.topic, metadata.partition, metadata.offset)


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[ReplayProducer]:
    """Connects for the length of a with-block.

    Raises:
        ReplayUnanswered: no broker answers.
    """
    try:
        producer = kafka_client.producer(topics.bootstrap_servers, topics.properties)
    except kafka_client.Unreachable as error:
        raise ReplayUnanswered(str(error)) from None
    try:
        yield ReplayProducer(producer)
    finally:
        with contextlib.suppress(KafkaError):
            producer.close(timeout=1)


def _text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__

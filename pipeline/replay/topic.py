"""What does Kafka say: bytes of old records, records that wait for the pipeline, other replays?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from pipeline import clients
from pipeline.reconciliation.settings import Topics
from pipeline.reconciliation.truth import Partition, Place
from pipeline.replay.errors import ReplayError
from transforms.contract import replay
from transforms.contract.kafka_message import record_of
from transforms.contract.transaction import KafkaRecord

_POLL_MS = 1_000
_STALL_SEC = 30


class Waiting(NamedTuple):
    """The oldest record of a partition that no table holds yet."""

    place: Place
    broker_time_us: int


class TopicReader:
    """Committed records, read where they are asked for. Use `connected`."""

    def __init__(self, servers: str, consumer: KafkaConsumer) -> None:
        self._servers = servers
        self._consumer = consumer

    def require(self, topics: Collection[str]) -> None:
        """Raises ReplayError for a topic that does not exist."""
        for topic in topics:
            if not self._consumer.partitions_for_topic(topic):
                raise ReplayError(f"topic {topic!r} does not exist at {self._servers}")

    def record_at(self, place: Place) -> KafkaRecord | None:
        """Returns the record at `place`, None when Kafka no longer holds it."""
        pair = TopicPartition(place.topic, place.partition)
        if place.partition not in (self._consumer.partitions_for_topic(place.topic) or ()):
            return None
        end = min(place.offset + 1, self._consumer.end_offsets([pair])[pair])
        return next(self._records(pair, place.offset, end), None)

    def waiting(self, topics: Collection[str], newest: Mapping[Partition, int]) -> list[Waiting]:
        """Returns the oldest record behind the newest row, for each partition that has one.

        Args:
            topics: what the pipeline reads.
            newest: the highest offset that has a row, asked for before this is called.

        Raises:
            ReplayError: a row is of an offset that Kafka has not reached: another topic's row.
        """
        waiting = []
        for pair in self._pairs(topics):
            behind = newest.get((pair.topic, pair.partition), -1) + 1
            end = self._consumer.end_offsets([pair])[pair]
            if behind > end:
                raise ReplayError(
                    f"the tables hold {pair.topic}[{pair.partition}]@{behind - 1}, Kafka ends at "
                    f"{end}. Hint: was the topic made anew, or is this another cluster?"
                )
            for record in self._records(pair, behind, end):
                waiting.append(Waiting(Place(*record[:3]), record.broker_time_us))
                break
        return waiting

    def replays_since(self, topics: Collection[str], since_us: int) -> dict[Place, Place]:
        """Returns which dead letters were sent again since, each with where it went."""
        found = {}
        for pair in self._pairs(topics):
            start = self._consumer.offsets_for_times({pair: since_us // 1_000})[pair]
            if start is None:
                continue  # nothing arrived since
            end = self._consumer.end_offsets([pair])[pair]
            for record in self._records(pair, start.offset, end):
                of = replay.replay_of_or_none(record)
                if of is not None:
                    found[Place(*of[:3])] = Place(*record[:3])
        return found

    def _pairs(self, topics: Collection[str]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, number)
            for topic in sorted(topics)
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def _records(self, pair: TopicPartition, start: int, end: int) -> Iterator[KafkaRecord]:
        start = max(start, self._consumer.beginning_offsets([pair])[pair])
        self._consumer.assign([pair])
        self._consumer.seek(pair, start)
        heard_at = time.monotonic()
        # By position, not by count: markers of transactions take offsets but are no records.
        while self._consumer.position(pair) < end:
            messages = self._consumer.poll(timeout_ms=_POLL_MS).get(pair, ())
            if messages:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > _STALL_SEC:
                raise ReplayError(f"Kafka at {self._servers} sent nothing for {_STALL_SEC} s")
            for message in messages:
                if message.offset < end:
                    yield record_of(message)


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[TopicReader]:
    """Connects for the length of a with-block.

    Raises:
        ReplayError: no broker answers, or it stops answering.
    """
    try:
        consumer = clients.kafka_consumer(topics.bootstrap_servers, topics.properties)
    except clients.Unreachable as error:
        raise ReplayError(str(error)) from None
    try:
        yield TopicReader(topics.bootstrap_servers, consumer)
    except KafkaError as error:
        raise ReplayError(
            f"Kafka at {topics.bootstrap_servers} failed: {type(error).__name__}: {error}"
        ) from None
    finally:
        consumer.close(autocommit=False)

"""Asks Kafka for the bytes of old records, records that wait for the pipeline, other replays."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from kafka.structs import TopicPartition

from operations import kafka_client
from operations.errors import ReplayError, ReplayUnanswered
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Partition, Place
from transforms.kafka.message import record_of
from transforms.kafka.reader import KafkaReader, NoTopic, OffsetRange
from transforms.payment import arrival, replay
from transforms.payment.arrival import Arrival
from transforms.payment.transaction import KafkaRecord


class Waiting(NamedTuple):
    """The oldest record of a partition that no table holds yet."""

    place: Place
    broker_time_us: int


class TopicReader:
    """Committed records, read where they are asked for. Use `connected`."""

    def __init__(self, reader: KafkaReader) -> None:
        self._reader = reader

    def require(self, topics: Collection[str]) -> None:
        """Raises NoTopic for a topic that does not exist."""
        self._reader.pairs(topics)

    def record_at(self, place: Place, headers: Collection[str] = ()) -> KafkaRecord | None:
        """Returns the record at `place` with these headers, None when Kafka no longer holds it."""
        span = OffsetRange(*place, place.offset + 1)
        try:
            held = {each[:2]: each for each in self._reader.ranges([place.topic])}
        except NoTopic:
            return None
        found = held.get(span[:2])
        if found is None or not found.start <= place.offset < found.end:
            return None
        message = self._reader.first(span)
        return None if message is None else record_of(message, headers)

    def waiting(
        self, topics: Collection[str], newest: Mapping[Partition, int], required: Arrival
    ) -> list[Waiting]:
        """Returns the oldest record behind the newest row, for each partition that has one.

        Args:
            topics: what the pipeline reads.
            newest: the highest offset that has a row, asked for before this is called.
            required: whose times records carry.

        Raises:
            ReplayError: a row is of an offset that Kafka has not reached: another topic's row.
        """
        waiting = []
        for span in self._reader.ranges(sorted(topics)):
            behind = newest.get((span.topic, span.partition), -1) + 1
            if behind > span.end:
                raise ReplayError(
                    f"the tables hold {span.topic}[{span.partition}]@{behind - 1}, Kafka ends at "
                    f"{span.end}. Hint: was the topic made anew, or is this another cluster?"
                )
            message = self._reader.first(span._replace(start=max(behind, span.start)))
            if message is not None:
                required.require(message)
                record = record_of(message)
                waiting.append(Waiting(Place.of(record), record.broker_time_us))
        return waiting

    def replays_since(self, topics: Collection[str], since_us: int) -> dict[Place, Place]:
        """Returns which dead letters were sent again since, each with where it went."""
        found = {}
        for span in self._reader.ranges(sorted(topics)):
            start = self._reader.since(TopicPartition(*span[:2]), since_us)
            if start is None:
                continue  # nothing arrived since
            for batch in self._reader.read([span._replace(start=start)]):
                for record in map(record_of, batch):
                    of = replay.replay_of_or_none(record)
                    if of is not None:
                        found[Place.of(of)] = Place.of(record)
        return found


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[TopicReader]:
    """Connects for the length of a with-block.

    Raises:
        ReplayUnanswered: no broker answers, or it stops answering.
    """
    servers, properties = topics.bootstrap_servers, topics.properties
    with kafka_client.reader(servers, properties, ReplayUnanswered) as reader:
        try:
            yield TopicReader(reader)
        except arrival.NoArrivalTime as error:
            raise ReplayUnanswered(str(error)) from None

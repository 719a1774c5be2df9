"""Counts the records that wait in the topics, and finds open transactions that block them."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from operations import kafka_client
from operations.errors import CannotCheck
from operations.reconcile.kafka_side import KafkaSide
from operations.reconcile.settings import Topics
from operations.reconcile.truth import OffsetRange, Partition
from transforms.kafka import reader as kafka_reader
from transforms.kafka.reader import KafkaReader

# A probe must be cheap: of so many offsets of a partition records are counted, half a second's
# work; beyond them there are as many records to an offset as among these.
_COUNTED_MAX = 20_000


class OpenTransaction(NamedTuple):
    """The first transaction of a partition that has not ended: what follows it cannot be read.

    Attributes:
        offset: of its first record.
        producer_id: None when the broker does not tell.
        held_back: records from there on, its own among them.
    """

    topic: str
    partition: int
    offset: int
    producer_id: int | None
    since: dt.datetime
    held_back: int

    @property
    def age_sec(self) -> float:
        """Returns how long it has been open."""
        return (dt.datetime.now(dt.UTC) - self.since).total_seconds()

    def __str__(self) -> str:
        producer = "unknown" if self.producer_id is None else self.producer_id
        return (
            f"{self.topic}[{self.partition}] offset {self.offset}, producer id {producer}, open "
            f"since {self.since:%Y-%m-%dT%H:%M:%SZ}, {self.held_back} records held back"
        )


class TopicSide:
    """The topics, as those see them who read what is committed, and those who read everything."""

    def __init__(self, topics: Topics, committed: KafkaReader, everything: KafkaReader) -> None:
        self._topics = topics
        self._side = KafkaSide(topics, committed)
        self._committed = committed
        self._everything = everything
        self._behind: list[OffsetRange] = []  # what lies behind open transactions

    def ranges(self) -> list[OffsetRange]:
        """Returns what can be read of every partition. Raises CannotCheck for a missing topic."""
        pairs = [TopicPartition(span.topic, span.partition) for span in self._side.ranges()]
        # The very end first: what is appended meanwhile must not look like held back.
        ends = self._everything.ends(pairs)
        ranges = self._side.ranges()
        self._behind = [
            span._replace(start=span.end, end=ends[pair])
            for span in ranges
            if span.end < ends.get(pair := TopicPartition(span.topic, span.partition), 0)
        ]
        return ranges

    def waiting(
        self, ranges: Sequence[OffsetRange], reach: Mapping[Partition, int]
    ) -> dict[Partition, int]:
        """Returns how many records lie beyond what the tables reach, those held back as well."""
        found: dict[Partition, int] = {}
        for span in ranges:
            pair = span.topic, span.partition
            beyond = span._replace(start=max(span.start, reach.get(pair, 0)))
            found[pair] = _count(self._committed, beyond)
        for span in self._behind:
            pair = span.topic, span.partition
            found[pair] = found.get(pair, 0) + _count(self._everything, span)
        return found

    def open_transactions(self) -> list[OpenTransaction]:
        """Returns those that hold records back, the oldest first."""
        producers = self._producers() if self._behind else {}
        found = []
        for span in self._behind:
            first = next(_messages(self._everything, span), None)
            if first is None:
                continue  # it has ended, and its records are gone
            producer = producers.get((span.topic, span.partition, span.start))
            since = dt.datetime.fromtimestamp(first.timestamp / 1_000, dt.UTC)
            held_back = _count(self._everything, span)
            found.append(OpenTransaction(*span[:3], producer, since, held_back))
        return sorted(found, key=lambda each: each.since)

    def _producers(self) -> dict[tuple[str, int, int], int]:
        """Returns who has opened a transaction, by partition and offset, if the broker tells."""
        admin = kafka_client.admin(self._topics.bootstrap_servers, self._topics.properties)
        try:
            states = admin.describe_producers(
                [TopicPartition(span.topic, span.partition) for span in self._behind]
            )
        except KafkaError:  # it is older than Kafka 2.8, or we may not ask
            return {}
        finally:
            admin.close()
        return {
            (pair.topic, pair.partition, each.current_transaction_start_offset): each.producer_id
            for pair, state in states.items()
            for each in state.active_producers
        }


def _count(reader: KafkaReader, span: OffsetRange) -> int:
    offsets = span.end - span.start
    if offsets <= 0:
        return 0
    counted = min(offsets, _COUNTED_MAX)
    records = sum(1 for _ in _messages(reader, span._replace(end=span.start + counted)))
    return round(records * offsets / counted)


def _messages(reader: KafkaReader, span: OffsetRange) -> Iterator[Any]:
    for batch in reader.read([kafka_reader.OffsetRange(*span)], skip_removed=True):
        yield from batch


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[TopicSide]:
    """Connects for the length of a with-block.

    Raises:
        CannotCheck: no broker answers, or it stops answering.
    """
    servers, properties = topics.bootstrap_servers, topics.properties
    with (
        kafka_client.reader(servers, properties, CannotCheck) as committed,
        kafka_client.reader(servers, properties, CannotCheck, "read_uncommitted") as everything,
    ):
        try:
            yield TopicSide(topics, committed, everything)
        except KafkaError as error:
            raise CannotCheck(
                f"Kafka at {topics.bootstrap_servers} failed: {type(error).__name__}: {error}"
            ) from None

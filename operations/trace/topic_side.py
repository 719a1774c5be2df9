"""Asks Kafka what is at a place, and which records of an id the tables may not have yet."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kafka.structs import TopicPartition

from operations import kafka_client
from operations.errors import CannotCheck
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Partition, Place
from operations.trace.row import SETTLED_US, Reach, id_in, micros
from transforms.kafka.message import record_of
from transforms.kafka.reader import KafkaReader, NoTopic, OffsetRange
from transforms.payment.transaction import KafkaRecord


class Held(enum.Enum):
    """What Kafka has at a place."""

    RECORD = "record"
    NOTHING = "nothing"  # within the partition: a marker, an aborted record, or compacted away
    UNCOMMITTED = "uncommitted"  # behind a transaction that is open
    REMOVED = "removed"  # below the first record that is left
    BEYOND = "beyond"  # at the end, or behind it
    NO_PARTITION = "no partition"
    NO_TOPIC = "no topic"


class Looked(NamedTuple):
    """What was found at a place.

    Attributes:
        start, end: what the partition holds.
    """

    held: Held
    record: KafkaRecord | None = None
    start: int = 0
    end: int = 0


class Scan(NamedTuple):
    """The records of an id in a part of the topics.

    Attributes:
        left_out: how many offsets were not looked at, for there were more than allowed.
    """

    records: tuple[KafkaRecord, ...]
    left_out: int


class TopicSide:
    """Committed records. Use `connected`.

    Args:
        uncommitted_end: returns where a partition ends, what is not committed included.
    """

    def __init__(
        self, reader: KafkaReader, uncommitted_end: Callable[[TopicPartition], int]
    ) -> None:
        self._reader = reader
        self._uncommitted_end = uncommitted_end

    def look(self, place: Place) -> Looked:
        """Returns what Kafka has at a place."""
        try:
            spans = {span.partition: span for span in self._reader.ranges([place.topic])}
        except NoTopic:
            return Looked(Held.NO_TOPIC)
        span = spans.get(place.partition)
        if span is None:
            return Looked(Held.NO_PARTITION, end=len(spans))
        if place.offset < span.start:
            return Looked(Held.REMOVED, None, span.start, span.end)
        if place.offset >= span.end:
            end = self._uncommitted_end(TopicPartition(*place[:2]))
            held = Held.UNCOMMITTED if place.offset < end else Held.BEYOND
            return Looked(held, None, span.start, end)
        message = self._reader.first(OffsetRange(*place, place.offset + 1))
        held = Held.NOTHING if message is None else Held.RECORD
        record = None if message is None else record_of(message)
        return Looked(held, record, span.start, span.end)

    def of_id(
        self,
        transaction_id: str,
        topics: Sequence[str],
        reach: Mapping[Partition, Reach],
        since_us: int,
        records_max: int,
    ) -> Scan:
        """Returns the records of an id that the tables may not have yet.

        Args:
            reach: how far the tables are with each partition that they have a row of.
            since_us: arrival before which nothing is looked at.
            records_max: of each partition; the newest are looked at.
        """
        found: list[KafkaRecord] = []
        left_out = 0
        for span in self._reader.ranges(topics):
            start = max(self._start(span, reach.get(span[:2]), since_us), span.start)
            left_out += max(0, span.end - start - records_max)
            start = max(start, span.end - records_max)
            for batch in self._reader.read([span._replace(start=start)], skip_removed=True):
                records = map(record_of, batch)
                found += [record for record in records if has_id(record, transaction_id)]
        return Scan(tuple(found), left_out)

    def _start(self, span: OffsetRange, reach: Reach | None, since_us: int) -> int:
        """Returns from where on the tables may not have what is in a partition."""
        if reach is not None:
            # Rows of one moment become visible one after the other.
            since_us = max(since_us, micros(reach.newest) - SETTLED_US)
        recent = self._reader.since(TopicPartition(*span[:2]), since_us)
        start = span.end if recent is None else recent
        return start if reach is None else min(start, reach.end)


def has_id(record: KafkaRecord, transaction_id: str) -> bool:
    """Returns whether a payload has the id; most are not parsed."""
    payload = record.payload
    return (
        payload is not None
        and transaction_id.encode() in payload
        and id_in(payload) == transaction_id
    )


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[TopicSide]:
    """Connects for the length of a with-block.

    Raises:
        CannotCheck: no broker answers, it stops answering, or a topic does not exist.
    """
    with contextlib.ExitStack() as stack:

        def reader(isolation_level: str) -> KafkaReader:
            servers, properties = topics.bootstrap_servers, topics.properties
            return stack.enter_context(
                kafka_client.reader(servers, properties, CannotCheck, isolation_level)
            )

        yield TopicSide(
            reader("read_committed"),
            lambda pair: reader("read_uncommitted").ends([pair])[pair],
        )

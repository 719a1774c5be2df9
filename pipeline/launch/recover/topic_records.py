"""Finds the records that Kafka still holds and that are in no table."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from operations import kafka_client
from operations.errors import CannotStart
from transforms.kafka.message import record_of
from transforms.kafka.reader import KafkaReader, OffsetRange
from transforms.payment.transaction import KafkaRecord
from transforms.read_kafka import KafkaSource


class TopicRecords:
    """The topics of a source, as a consumer sees them that reads committed records only."""

    def __init__(self, reader: KafkaReader, source: KafkaSource) -> None:
        self.reader = reader
        self._source = source

    def ranges(self) -> list[OffsetRange]:
        """Returns what every partition holds now. Raises CannotRead when a topic is missing."""
        return self.reader.ranges(self._source.topics)

    def with_records(self, ranges: Iterable[OffsetRange]) -> list[OffsetRange]:
        """Returns those of `ranges` that hold a record: an offset may be a transaction's marker."""
        return [span for span in ranges if self.reader.first(span) is not None]

    def first_arrival_us(self, ranges: Iterable[OffsetRange]) -> int | None:
        """Returns when the earliest of the ranges' first records arrived, None without records."""
        firsts = (self.reader.first(span) for span in ranges)
        return min((record_of(each).broker_time_us for each in firsts if each), default=None)

    def at(self, places: Iterable[tuple[str, int, int]]) -> Iterator[KafkaRecord]:
        """Returns the records at these places, as far as Kafka still holds them."""
        for topic, partition, offset in places:
            yield from self.records(OffsetRange(topic, partition, offset, offset + 1))

    def records(self, span: OffsetRange) -> Iterator[KafkaRecord]:
        """Returns the records of a range, one after the other."""
        for batch in self.reader.read([span]):
            yield from map(record_of, batch)


@contextlib.contextmanager
def connected(source: KafkaSource) -> Iterator[TopicRecords]:
    """Connects for the length of a with-block.

    Raises:
        CannotStart: no broker answers, or what is asked for cannot be read.
    """
    servers, properties = source.bootstrap_servers, source.properties
    with kafka_client.reader(servers, properties, CannotStart) as reader:
        yield TopicRecords(reader, source)


def gaps(ranges: Iterable[OffsetRange], covered: Sequence[OffsetRange]) -> list[OffsetRange]:
    """Returns what of `ranges` lies in none of `covered`, which are in order.

    >>> gaps([OffsetRange("t", 0, 2, 9)], [OffsetRange("t", 0, 3, 5), OffsetRange("t", 0, 6, 9)])
    [OffsetRange(topic='t', partition=0, start=2, end=3), \
OffsetRange(topic='t', partition=0, start=5, end=6)]
    """
    islands = defaultdict(list)
    for span in covered:
        islands[span.topic, span.partition].append(span)
    found = []
    for span in ranges:
        begin = span.start
        for island in islands[span.topic, span.partition]:
            if begin < island.start:
                found.append(span._replace(start=begin, end=island.start))
            begin = max(begin, island.end)
        if begin < span.end:
            found.append(span._replace(start=begin))
    return found

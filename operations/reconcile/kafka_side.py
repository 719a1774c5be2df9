"""Reads the topics again from the beginning, as the pipeline did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from operations import kafka_client
from operations.errors import CannotCheck
from operations.reconcile.checks import Tally
from operations.reconcile.progress import Progress
from operations.reconcile.settings import Topics
from operations.reconcile.truth import Limits, OffsetRange, Partition, Truth
from transforms.kafka import reader as kafka_reader
from transforms.kafka.message import record_of
from transforms.kafka.reader import KafkaReader
from transforms.payment.arrival import BY_BROKER, Arrival
from transforms.payment.transaction import KafkaRecord


class KafkaSide:
    """The topics, read again: committed records only."""

    def __init__(self, topics: Topics, reader: KafkaReader) -> None:
        self._topics = topics
        self._reader = reader
        self.without_arrival = Tally()  # records read that carry other times than they must

    def ranges(self) -> list[OffsetRange]:
        """Returns what every partition holds now, from the earliest record to the end.

        Raises:
            CannotRead: a topic does not exist.
        """
        return [OffsetRange(*span) for span in self._reader.ranges(self._topics.names)]

    def first_from(self, moment_us: int, ranges: Sequence[OffsetRange]) -> dict[Partition, int]:
        """Returns, of each partition, the offset of the first record that arrived then or later.

        Its end where there is none.
        """
        moment_us = -(-moment_us // 1_000) * 1_000  # Kafka's clock has milliseconds
        first = {span: self._reader.since(TopicPartition(*span[:2]), moment_us) for span in ranges}
        return {
            (span.topic, span.partition): span.end if offset is None else offset
            for span, offset in first.items()
        }

    def read(
        self,
        ranges: list[OffsetRange],
        limits: Limits,
        progress: Callable[[str], None],
    ) -> Truth:
        """Reads and judges every record of `ranges`.

        Raises:
            CannotRead: the broker stops answering.
        """
        truth = Truth(ranges, limits)
        offsets = sum(span.end - span.start for span in ranges)
        reading = Progress(progress, "records read from Kafka", offsets)
        for batch in self.batches(ranges, limits.arrival, truth.headers):
            truth.add_all(batch)
            for _ in batch:
                reading.step()
        # What expired meanwhile may have been passed over.
        pairs = [TopicPartition(*span[:2]) for span in ranges]
        for pair, start in self._reader.starts(pairs).items():
            truth.partitions[pair.topic, pair.partition].forget_below(start)
        return truth

    def ends(self) -> dict[Partition, int]:
        """Returns the end of every partition now."""
        ends = self._reader.ends(self._reader.pairs(self._topics.names))
        return {(pair.topic, pair.partition): end for pair, end in ends.items()}

    def batches(
        self,
        ranges: list[OffsetRange],
        required: Arrival = BY_BROKER,
        headers: Collection[str] = (),
    ) -> Iterator[list[KafkaRecord]]:
        """Yields the records of `ranges`, those of a partition in order.

        What retention overtakes meanwhile is passed over.

        Args:
            headers: names of those that the records carry.
        """
        spans = [kafka_reader.OffsetRange(*span) for span in ranges]
        for batch in self._reader.read(spans, skip_removed=True):
            for each in batch:
                if not required.fits(each):
                    place = f"{each.topic}[{each.partition}]@{each.offset}"
                    other = "another" if required.is_bounded else "its producer's"
                    self.without_arrival.add(f"{place} carries {other} time")
            yield [record_of(each, headers) for each in batch]

    def compacted(self) -> list[str]:
        """Returns which of the topics are compacted, as far as this user may know.

        Raises:
            CannotCheck: no broker answers.
        """
        try:
            admin = kafka_client.admin(self._topics.bootstrap_servers, self._topics.properties)
        except kafka_client.Unreachable as error:
            raise CannotCheck(str(error)) from None
        name = "cleanup.policy"
        kind = ConfigResourceType.TOPIC
        asked = [ConfigResource(kind, topic, [name]) for topic in self._topics.names]
        try:
            found = admin.describe_configs(asked, config_filter="all")["topic"]
            return [each for each in self._topics.names if "compact" in found[each][name]["value"]]
        except (KafkaError, KeyError):
            return []  # it may not be described
        finally:
            admin.close()


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[KafkaSide]:
    """Connects for the length of a with-block.

    Raises:
        CannotCheck: no broker answers, or it stops answering.
    """
    servers, properties = topics.bootstrap_servers, topics.properties
    with kafka_client.reader(servers, properties, CannotCheck) as reader:
        yield KafkaSide(topics, reader)

"""What is in the topics? Reads them again from the beginning, as the pipeline did."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from pipeline import clients
from pipeline.reconciliation.errors import CannotCheck
from pipeline.reconciliation.progress import Progress
from pipeline.reconciliation.settings import Topics
from pipeline.reconciliation.truth import Limits, OffsetRange, Partition, Truth
from transforms.contract.kafka_message import record_of
from transforms.contract.transaction import KafkaRecord

_POLL_MS = 1_000
# A broker that restarts is back in about 10 s; after a minute without one record it is not coming.
_STALL_SEC = 60


class KafkaSide:
    """The topics, as a consumer sees them that reads committed records only."""

    def __init__(self, topics: Topics, consumer: KafkaConsumer) -> None:
        self._topics = topics
        self._consumer = consumer

    def ranges(self) -> list[OffsetRange]:
        """Returns what every partition holds now, from the earliest record to the end.

        Raises:
            CannotCheck: a topic does not exist.
        """
        pairs = []
        for topic in self._topics.names:
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise CannotCheck(
                    f"topic {topic!r} does not exist at {self._topics.bootstrap_servers}"
                )
            pairs += [TopicPartition(topic, number) for number in sorted(numbers)]
        starts = self._consumer.beginning_offsets(pairs)
        ends = self._consumer.end_offsets(pairs)
        return [OffsetRange(pair.topic, pair.partition, starts[pair], ends[pair]) for pair in pairs]

    def first_from(self, moment_us: int, ranges: Sequence[OffsetRange]) -> dict[Partition, int]:
        """Returns, of each partition, the offset of the first record that arrived then or later.

        Its end where there is none.
        """
        moment_ms = -(-moment_us // 1_000)  # Kafka's clock has milliseconds
        ends = {TopicPartition(span.topic, span.partition): span.end for span in ranges}
        found = self._consumer.offsets_for_times(dict.fromkeys(ends, moment_ms))
        return {
            (pair.topic, pair.partition): end if (at := found.get(pair)) is None else at.offset
            for pair, end in ends.items()
        }

    def read(
        self, ranges: list[OffsetRange], limits: Limits, progress: Callable[[str], None]
    ) -> Truth:
        """Reads and judges every record of `ranges`.

        Raises:
            CannotCheck: the broker stops answering.
        """
        truth = Truth(ranges, limits)
        ends = {TopicPartition(span.topic, span.partition): span.end for span in ranges}
        self._consumer.assign(list(ends))
        for span in ranges:
            self._consumer.seek(TopicPartition(span.topic, span.partition), span.start)
        offsets = sum(span.end - span.start for span in ranges)
        reading = Progress(progress, "records read from Kafka", offsets)
        for record in self._records(ends):
            truth.add(record)
            reading.step()
        # What expired meanwhile may have been skipped.
        for pair, start in self._consumer.beginning_offsets(list(ends)).items():
            truth.partitions[pair.topic, pair.partition].forget_below(start)
        return truth

    def ends(self) -> dict[Partition, int]:
        """Returns the end of every partition now."""
        ends = self._consumer.end_offsets(list(self._consumer.assignment()))
        return {(pair.topic, pair.partition): end for pair, end in ends.items()}

    def _records(self, ends: dict[TopicPartition, int]) -> Iterator[KafkaRecord]:
        left = dict(ends)
        heard_at = time.monotonic()
        while self._drop_done(left):
            batches = self._consumer.poll(timeout_ms=_POLL_MS)
            if batches:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > _STALL_SEC:
                pair, end = next(iter(left.items()))
                raise CannotCheck(
                    f"Kafka at {self._topics.bootstrap_servers} sent nothing for {_STALL_SEC} s: "
                    f"{pair.topic}[{pair.partition}] stands at {self._consumer.position(pair)} "
                    f"of {end}"
                )
            for pair, messages in batches.items():
                for message in messages:
                    if message.offset < ends[pair]:
                        yield record_of(message)

    def _drop_done(self, left: dict[TopicPartition, int]) -> bool:
        """Pauses partitions that were read to their end; returns whether any is left.

        By position, not by count: markers of transactions take offsets but are no records.
        """
        for pair, end in list(left.items()):
            if self._consumer.position(pair) >= end:
                self._consumer.pause(pair)
                del left[pair]
        return bool(left)


@contextlib.contextmanager
def connected(topics: Topics) -> Iterator[KafkaSide]:
    """Connects for the length of a with-block.

    Raises:
        CannotCheck: no broker answers, or it stops answering.
    """
    try:
        consumer = clients.kafka_consumer(topics.bootstrap_servers, topics.properties)
    except clients.Unreachable as error:
        raise CannotCheck(str(error)) from None
    try:
        yield KafkaSide(topics, consumer)
    except KafkaError as error:
        raise CannotCheck(
            f"Kafka at {topics.bootstrap_servers} failed: {type(error).__name__}: {error}"
        ) from None
    finally:
        consumer.close(autocommit=False)

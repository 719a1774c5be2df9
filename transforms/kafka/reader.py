"""The one reader of Kafka: given offsets of given partitions, with a limit for every wait.

Reads what was committed. Markers of transactions and aborted records take offsets and are no
records, so a range ends by the position that was reached, never by a count.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kafka import KafkaConsumer, codec
from kafka.errors import KafkaError, OffsetOutOfRangeError
from kafka.structs import TopicPartition

from transforms.kafka import batches as kafka_batches
from transforms.kafka import connection as kafka_connection

# A broker that restarts is back in about 10 s; after a minute without progress it is not coming.
STALL_SEC = 60.0
_POLL_MS = 1_000
_ANSWER_MS = 30_000
_CODECS = {
    "lz4": codec.has_lz4,
    "python-snappy": codec.has_snappy,
    "zstandard": codec.has_zstd,
}

kafka_batches.take_all()


class OffsetRange(NamedTuple):
    """The records of one partition from `start` (inclusive) to `end` (exclusive)."""

    topic: str
    partition: int
    start: int
    end: int


class CannotRead(RuntimeError):
    """Kafka does not give what is asked for: the message says what, in one line, with a hint."""


class NoTopic(CannotRead):
    """There is no such topic."""


def missing_codecs() -> list[str]:
    """Returns the packages without which kafka-python cannot read one of Kafka's codecs."""
    return [package for package, is_there in _CODECS.items() if not is_there()]


def settings(servers: str, properties: Mapping[str, str]) -> dict[str, Any]:
    """Returns the arguments of a KafkaConsumer that is fit for a reader.

    Raises:
        PropertiesError: a reference leads nowhere, or a setting of security is not supported.
    """
    return {**kafka_connection.for_kafka_python(servers, properties), **READING}


READING: Mapping[str, Any] = {
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    # Any other value continues elsewhere, silently, when an offset is no longer there.
    "auto_offset_reset": "none",
    # Whoever asks for a topic that is not there must not make it.
    "allow_auto_create_topics": False,
}


class KafkaReader:
    """Reads ranges of offsets.

    Args:
        servers: for messages.
        consumer: made with `settings`; whoever made it closes it.
        batch_records: how many records are returned at once, at most.
        stall_sec: how long a read may be without progress.
    """

    def __init__(
        self,
        servers: str,
        consumer: KafkaConsumer,
        batch_records: int = 5_000,
        stall_sec: float = STALL_SEC,
    ) -> None:
        self._servers = servers
        self._consumer = consumer
        self._batch_records = batch_records
        self._stall_sec = stall_sec

    def pairs(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Returns the partitions of topics. Raises NoTopic when one does not exist."""
        pairs = []
        for topic in topics:
            with self._told():
                numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise NoTopic(f"topic {topic!r} does not exist at {self._servers}")
            pairs += [TopicPartition(topic, number) for number in sorted(numbers)]
        return pairs

    def ranges(self, topics: Iterable[str]) -> list[OffsetRange]:
        """Returns what every partition holds now, up to its last stable offset.

        Raises:
            CannotRead: a topic does not exist, or no broker answers.
        """
        pairs = self.pairs(topics)
        starts, ends = self.starts(pairs), self.ends(pairs)
        return [OffsetRange(pair.topic, pair.partition, starts[pair], ends[pair]) for pair in pairs]

    def starts(self, pairs: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Returns the first offset that Kafka holds of each partition. Raises CannotRead."""
        with self._told():
            return dict(self._consumer.beginning_offsets(list(pairs), timeout_ms=_ANSWER_MS))

    def ends(self, pairs: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Returns up to which offset each partition can be read now. Raises CannotRead."""
        with self._told():
            return dict(self._consumer.end_offsets(list(pairs), timeout_ms=_ANSWER_MS))

    def since(self, pair: TopicPartition, time_us: int) -> int | None:
        """Returns the first offset from this time on, None when there is none. Raises CannotRead.

        As the partition's index says, which knows the greatest timestamp of what lies before.
        """
        with self._told():
            found = self._consumer.offsets_for_times({pair: time_us // 1_000}, _ANSWER_MS)[pair]
        return None if found is None else int(found.offset)

    def read(
        self, ranges: Iterable[OffsetRange], skip_removed: bool = False
    ) -> Iterator[list[Any]]:
        """Yields the records of the ranges, of one partition at a time, those of each in order.

        Args:
            ranges: at most one of each partition.
            skip_removed: passes over what retention removes before it is read, for a caller
                that asks afterwards where the partitions begin; else that is an error.

        Raises:
            CannotRead: records were removed, the broker fails or falls silent, or a batch cannot
                be read.
        """
        left = _Left(span for span in ranges if span.start < span.end)
        self._consumer.assign(list(left.spans))
        self._consumer.resume(*left.spans)  # a read before this one has left some of them paused
        for pair, span in left.spans.items():
            self._consumer.seek(pair, span.start)
        while left.spans:
            polled = self._poll(skip_removed)
            for pair, messages in polled.items():
                end = left.spans[pair].end if pair in left.spans else 0
                batch = [each for each in messages if each.offset < end]
                if batch:
                    yield batch
            for pair in left.done(self._positions(left.spans), bool(polled)):
                self._consumer.pause(pair)
            if left.still_sec() > self._stall_sec:
                raise CannotRead(self._stalled(left))

    def first(self, span: OffsetRange) -> Any | None:
        """Returns the first record of a range, None when there is none. Raises CannotRead."""
        one = KafkaReader(self._servers, self._consumer, 1, self._stall_sec)  # decodes no more
        for batch in one.read([span]):
            return batch[0]
        return None

    def _poll(self, skip_removed: bool) -> dict[TopicPartition, list[Any]]:
        try:
            with self._told():
                return dict(self._consumer.poll(_POLL_MS, max_records=self._batch_records))
        except OffsetOutOfRangeError as error:
            self._out_of_range(dict(error.args[0]), skip_removed)
            return {}

    def _positions(self, pairs: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        with self._told():
            return {pair: self._consumer.position(pair, timeout_ms=_ANSWER_MS) for pair in pairs}

    def _out_of_range(self, places: dict[TopicPartition, int], skip_removed: bool) -> None:
        """Goes on where Kafka begins, if that is asked for, or tells what is gone."""
        starts, ends = self.starts(places), self.ends(places)
        for pair, offset in places.items():
            name = f"{pair.topic}[{pair.partition}]"
            if offset > ends[pair]:
                raise CannotRead(
                    f"{name} ends at offset {ends[pair]}, before {offset} that was there. Hint: "
                    "was the topic made anew, or is this another cluster?"
                )
            if offset < starts[pair] and not skip_removed:
                raise CannotRead(
                    f"{name} offsets {offset} to {starts[pair] - 1} were removed by Kafka's "
                    f"retention before they were read: it begins at {starts[pair]} now. Hint: "
                    "start again to learn what is missing; a longer retention.ms prevents it."
                )
            self._consumer.seek(pair, max(offset, starts[pair]))

    def _stalled(self, left: _Left) -> str:
        pair, span = next(iter(left.spans.items()))
        more = f", and {len(left.spans) - 1} more partitions" if len(left.spans) > 1 else ""
        return (
            f"Kafka at {self._servers} sent nothing for {self._stall_sec:.0f} s: "
            f"{pair.topic}[{pair.partition}] stands at {left.stands_at[pair]} of {span.end}{more}. "
            "Hint: is the broker that leads it running, and can it be reached from here?"
        )

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Raises CannotRead for what kafka-python raises, but for an offset that is not there."""
        try:
            yield
        except OffsetOutOfRangeError:
            raise
        except KafkaError as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise CannotRead(f"Kafka at {self._servers} failed: {reason}") from None


class _Left:
    """What of a read is left, and since when nothing of it has moved."""

    def __init__(self, spans: Iterable[OffsetRange]) -> None:
        self.spans = {TopicPartition(*span[:2]): span for span in spans}
        self.stands_at = {pair: span.start for pair, span in self.spans.items()}
        self._moved_at = time.monotonic()

    def done(self, stands_at: dict[TopicPartition, int], moved: bool) -> list[TopicPartition]:
        """Takes where the partitions stand; returns those that are read, which are left no more."""
        if moved or stands_at != self.stands_at:
            self._moved_at = time.monotonic()
        ended = [pair for pair, span in self.spans.items() if stands_at[pair] >= span.end]
        for pair in ended:
            del self.spans[pair]
        self.stands_at = {pair: stands_at[pair] for pair in self.spans}
        return ended

    def still_sec(self) -> float:
        """Returns for how long nothing has moved; 0 when all is read."""
        return time.monotonic() - self._moved_at if self.spans else 0.0

"""Copies a topic into another, each record once: the recipe for a topic whose times say nothing.

Records go in batches, each a transaction that holds their offsets too: the copy and how far it has
come are committed together. Whoever starts it again goes on behind the last commit. A copier that
still lives is fenced off by Kafka, because both have one transactional id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, ProducerFencedError
from kafka.structs import OffsetAndMetadata, TopicPartition

from operations.errors import CannotCheck
from transforms.kafka.reader import CannotRead, KafkaReader, OffsetRange

# In the headers of each copy: where the original is, and which time it carried.
ORIGIN_HEADER = "payments-copied-from"
BATCH_RECORDS = 1_000
_PAUSE_SEC = 0.5


def name_of(source: str, target: str) -> str:
    """Returns the consumer group, and transactional id, of a copy."""
    return f"payments-copy.{source}.{target}"


class Copier:
    """Copies from one topic into another."""

    def __init__(
        self, source: str, target: str, consumer: KafkaConsumer, producer: KafkaProducer
    ) -> None:
        self._source = source
        self._target = target
        self._consumer = consumer
        self._producer = producer
        self._group = name_of(source, target)

    def run(self, reader: KafkaReader, once: bool, say: Callable[[int], None]) -> int:
        """Copies until the end, or for ever; returns how many records were copied.

        Args:
            once: ends where the topic ended at the start of a pass that found nothing.
            say: is told how many there are so far, after each commit.

        Raises:
            CannotCheck: Kafka refuses, records are gone, or another copier has taken over.
        """
        copied = 0
        try:
            # What another copier has open is aborted by this, and it can commit no more. Only then
            # do the group's offsets tell how far the copy has come.
            self._producer.init_transactions()
            while True:
                found = 0
                for batch in self._batches(reader):
                    self._copy(batch)
                    found += len(batch)
                    say(copied + found)
                copied += found
                if once and not found:
                    return copied
                if not found:
                    time.sleep(_PAUSE_SEC)
        except ProducerFencedError:
            raise CannotCheck(
                f"another copy of {self._source} into {self._target} was started, and goes on."
            ) from None
        except (KafkaError, CannotRead) as error:
            raise CannotCheck(f"{error}. Hint: start it again; nothing is copied twice") from None

    def _batches(self, reader: KafkaReader) -> Iterator[list[Any]]:
        spans = reader.ranges([self._source])
        self._require_partitions(reader, len(spans))
        pairs = [TopicPartition(span.topic, span.partition) for span in spans]
        stands = {pair: self._consumer.committed(pair) for pair in pairs}
        wanted = [
            OffsetRange(
                pair.topic,
                pair.partition,
                span.start if stands[pair] is None else int(stands[pair]),
                span.end,
            )
            for span, pair in zip(spans, pairs, strict=True)
        ]
        for messages in reader.read(wanted):
            for at in range(0, len(messages), BATCH_RECORDS):
                yield messages[at : at + BATCH_RECORDS]

    def _require_partitions(self, reader: KafkaReader, count: int) -> None:
        there = len(reader.pairs([self._target]))
        if there < count:
            raise CannotCheck(
                f"{self._target} must have at least the {count} partitions of {self._source}, has "
                f"{there}: each record keeps its partition. Hint: kafka-topics.sh --alter "
                f"--topic {self._target} --partitions {count}"
            )

    def _copy(self, messages: Sequence[Any]) -> None:
        """Copies records of one partition in one transaction."""
        self._producer.begin_transaction()
        try:
            sent = [
                self._producer.send(
                    self._target,
                    value=each.value,
                    key=each.key,
                    headers=[*each.headers, (ORIGIN_HEADER, origin_of(each))],
                    partition=each.partition,
                )
                for each in messages
            ]
            last = messages[-1]
            place = TopicPartition(last.topic, last.partition)
            offsets = {place: OffsetAndMetadata(last.offset + 1, "", -1)}
            self._producer.send_offsets_to_transaction(offsets, self._group)
            self._producer.commit_transaction()
            for each in sent:
                each.get(0)  # committed is acknowledged; one that failed would have been told
        except ProducerFencedError:
            raise
        except KafkaError:
            self._producer.abort_transaction()
            raise


def origin_of(message: Any) -> bytes:
    """Returns the header's value: where a record was, and the time that it carried there."""
    return orjson.dumps(
        {
            "topic": message.topic,
            "partition": message.partition,
            "offset": message.offset,
            "timestamp_ms": message.timestamp,
        }
    )

"""The newest records of a topic as a sample: read, and nothing is committed or changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from operations import kafka_client
from operations.contract.samples import Sample
from operations.errors import CannotCheck
from transforms.kafka.message import record_of
from transforms.kafka.properties import PropertiesError, load
from transforms.kafka.reader import KafkaReader, OffsetRange


def records_of(
    servers: str, config_file: str | None, topics: Sequence[str], count: int
) -> Iterator[Sample]:
    """Yields up to `count` of the newest records of each partition.

    Raises:
        CannotCheck: Kafka gives no answer, or there is no such topic.
    """
    try:
        properties = load(config_file)
    except PropertiesError as error:
        raise CannotCheck(f"--kafka_config_file: {error}") from None
    with kafka_client.reader(servers, properties, CannotCheck) as reader:
        yield from newest(reader, topics, count)


def newest(reader: KafkaReader, topics: Sequence[str], count: int) -> Iterator[Sample]:
    """Yields the newest records of each partition, in their order."""
    spans = [
        OffsetRange(span.topic, span.partition, max(span.start, span.end - count), span.end)
        for span in reader.ranges(topics)
    ]
    for batch in reader.read(spans, skip_removed=True):
        for message in batch:
            place = f"{message.topic}[{message.partition}]@{message.offset}"
            # It may carry its producer's time: it is a sample.
            yield Sample(record_of(message, asked=None), place)

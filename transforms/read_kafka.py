"""Step 1: reads records from Kafka, each with its topic, partition, offset and arrival time."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from transforms import metrics
from transforms.codecs import record_frame
from transforms.kafka import properties as kafka_properties
from transforms.kafka import reader as kafka_reader
from transforms.kafka.message import carried, record_of
from transforms.kafka.progress import TAKEN
from transforms.kafka.reader import KafkaReader
from transforms.kafka.reader import OffsetRange as OffsetRange  # noqa: PLC0414 - part of a source
from transforms.kafka.topic_watch import TopicWatch, topics_now
from transforms.payment import arrival, replay
from transforms.payment.arrival import Arrival
from transforms.payment.transaction import KafkaRecord

# Steps work on as many records at once: enough to make what a call costs small beside the records,
# few enough to stay in a processor's cache (500 payments are 110 kB).
RECORDS_MAX = 500

# A poll brings many whole frames: Flink's source sleeps 50 ms whenever it has read all of one.
_FRAMES = {
    "interceptor.classes": record_frame.INTERCEPTOR,
    "max.poll.records": str(40 * RECORDS_MAX),
    "max.partition.fetch.bytes": str(4 * 1_048_576),
}

# By this our Java parts know that records carry their producers' times, and how far apart they can
# be (templates/expansion/java/payments/kafka/BoundedCreateTime.java).
SLACK_SETTING = "payments.arrival.slack.ms"


@dataclasses.dataclass(frozen=True)
class KafkaSource:
    """What to read.

    Attributes:
        bootstrap_servers: host:port, comma-separated.
        topics: topics whose records carry the times that `arrival` says.
        properties: further settings of the Java client, secrets as references to their file.
        ranges: what a bounded read reads; None reads without end.
        expansion_service: host:port of what expands Java transforms, None for Beam's own.
        group: consumer group whose offsets say where a new job begins (launch/start_offsets.py);
            None begins at the earliest record.
        partitions: those that there were when the job was submitted; the job stops when there are
            more. Empty for a launcher that could not ask.
        topic_ids: Kafka's id of each topic when the job was submitted; the job stops when one is
            another. Empty for a launcher that could not ask.
        framed: whether the Java consumer packs many records into one. Only for a read that cannot
            be split, which would cut a frame in two (docs/decisions/0016).
        headers: names of the headers that records are to carry.
        arrival: whose times they carry, and how far apart those can be.
    """

    bootstrap_servers: str
    topics: tuple[str, ...]
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ranges: tuple[OffsetRange, ...] | None = None
    expansion_service: str | None = None
    group: str | None = None
    partitions: tuple[tuple[str, int], ...] = ()
    topic_ids: tuple[tuple[str, str], ...] = ()
    framed: bool = False
    headers: tuple[str, ...] = ()
    arrival: Arrival = arrival.BY_BROKER


class ReadKafka(beam.PTransform):
    """Reads every committed record, from where a new job begins or a checkpoint says.

    Input:      the root of the pipeline.
    Output:     [KafkaRecord, …], of one or more partitions, those of each in order; element
                timestamp = arrival of the earliest, by the time that records carry. With their
                producers' time, no record to come is behind the watermark as long as the broker
                keeps its bounds; one that is stops the job.
    Guarantee:  offsets are kept in the runner's checkpoint and nowhere else: what the consumer
                group has committed since is never read on from, so no record is skipped after a
                restart.
    Limit:      a bounded read (DirectRunner) ends at the offsets that it was given.
    """

    def __init__(self, source: KafkaSource) -> None:
        super().__init__()
        self._source = source

    def expand(self, root: beam.Pipeline) -> beam.PCollection[list[KafkaRecord]]:
        """Returns the records."""
        if self._source.ranges is not None:
            # ReadFromKafka cannot end at given offsets from Python: docs/decisions/0003.
            return (
                root
                | "Ranges" >> beam.Create(self._source.ranges)
                | "ReadRange"
                >> beam.ParDo(_ReadRangeFn(self._source)).with_output_types(list[KafkaRecord])
            )
        return (
            root
            | "ReadFromKafka"
            >> ReadFromKafka(
                consumer_config=consumer_config(self._source),
                topics=list(self._source.topics),
                with_metadata=not self._source.framed,
                # Bounded producers' times go by a setting of the consumer (consumer_config): where
                # our Java parts are missing, this policy refuses them.
                timestamp_policy=ReadFromKafka.log_append_time,
                expansion_service=self._source.expansion_service,
                # How far completed checkpoints have read, for whoever starts the next job.
                commit_offset_in_finalize=self._source.framed and self._source.group is not None,
            )
            | "ToRecords"
            >> beam.ParDo(
                _FromFrameFn(self._source) if self._source.framed else _FromRowFn(self._source)
            ).with_output_types(list[KafkaRecord])
        )


def consumer_config(source: KafkaSource) -> dict[str, str]:
    """Returns the Java consumer's settings; what exactness rests on cannot be overridden."""
    return {
        **kafka_properties.for_java(source.properties),
        "bootstrap.servers": source.bootstrap_servers,
        # The default commits in the background what may not be processed yet: after a restart the
        # consumer would begin behind it, and the records between are lost.
        "enable.auto.commit": "false",
        # Records of a transaction that its producer aborted must not count.
        "isolation.level": "read_committed",
        # A topic that is deleted under a job would be made anew by its asking, with other settings.
        "allow.auto.create.topics": "false",
        **_start(source),
        **(
            {SLACK_SETTING: str(1_000 * source.arrival.slack_sec)}
            if source.arrival.is_bounded
            else {}
        ),
        **({**_FRAMES, **record_frame.settings(source.headers)} if source.framed else {}),
    }


def _start(source: KafkaSource) -> dict[str, str]:
    """Returns where to begin, and what to do when that offset is no longer there."""
    if source.group is None:
        # Nobody could write down where to begin. `latest` would skip silently.
        return {"auto.offset.reset": "earliest"}
    # An offset that retention has removed is lost: an error, for `earliest` would skip silently.
    return {"group.id": source.group, "auto.offset.reset": "none"}


class _WatchingFn(beam.DoFn):
    """Makes sure, bundle by bundle, that the topics are those that the job began with."""

    def __init__(self, source: KafkaSource) -> None:
        self._source = source
        self._read = metrics.counter("records_read")

    def setup(self) -> None:
        source = self._source
        self._watch = TopicWatch(
            source.partitions,
            dict(source.topic_ids),
            functools.partial(
                topics_now,
                source.bootstrap_servers,
                dict(source.properties),
                source.topics,
                source.arrival.is_bounded,
            ),
            source.arrival,
        )

    def start_bundle(self) -> None:
        if self._source.partitions:
            self._watch.check()


class _FromFrameFn(_WatchingFn):
    """Unpacks what the consumer has packed; its element timestamp is that of the first record."""

    def process(self, element: tuple[bytes, bytes]) -> Iterator[list[KafkaRecord]]:
        source = self._source
        records = record_frame.unpack(element[1], source.headers, source.arrival)
        self._read.inc(len(records))
        yield records


class _FromRowFn(_WatchingFn):
    """Gathers the records of a bundle, which come one by one."""

    def start_bundle(self) -> None:
        super().start_bundle()
        # What a failed bundle had gathered comes again.
        self._records: list[KafkaRecord] = []

    def process(self, row: Any) -> Iterator[TimestampedValue]:
        required = self._source.arrival
        if row.timestampTypeId != required.timestamp_type or row.timestamp < 0:
            raise required.refusal(
                row.topic, row.partition, row.offset, row.timestampTypeId, row.timestamp
            )
        self._records.append(
            KafkaRecord(
                row.topic,
                row.partition,
                row.offset,
                row.timestamp * 1_000,
                row.key,
                row.value,
                replay.header_of(row.headers) if row.headers else None,
                carried(row.headers, self._source.headers) if row.headers else (),
            )
        )
        if len(self._records) >= RECORDS_MAX:
            batch, self._records = self._records, []
            self._read.inc(len(batch))
            yield TimestampedValue(batch, _earliest(batch))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._records:
            self._read.inc(len(self._records))
            yield WindowedValue(self._records, _earliest(self._records), (GlobalWindow(),))
        self._records = []


def _earliest(records: list[KafkaRecord]) -> Timestamp:
    return Timestamp(micros=min(record.broker_time_us for record in records))


class _ReadRangeFn(beam.DoFn):
    """Reads one range with a consumer of its own, then ends."""

    def __init__(self, source: KafkaSource) -> None:
        self._source = source
        self._read = metrics.counter("records_read")

    def process(self, offsets: OffsetRange) -> Iterator[TimestampedValue]:
        servers = self._source.bootstrap_servers
        try:
            consumer = KafkaConsumer(**kafka_reader.settings(servers, self._source.properties))
        except KafkaError as error:
            raise kafka_reader.CannotRead(
                f"no Kafka broker answers at {servers} ({type(error).__name__}). Hint: is it "
                "running, and is the address the one that it advertises?"
            ) from None
        try:
            for messages in KafkaReader(servers, consumer, RECORDS_MAX).read([offsets]):
                for each in messages:
                    self._source.arrival.require(each)
                self._read.inc(len(messages))
                TAKEN.add(len(messages))
                batch = [record_of(each, self._source.headers) for each in messages]
                yield TimestampedValue(batch, _earliest(batch))
        finally:
            consumer.close(autocommit=False)

"""Commits where a new job begins to read, as offsets of a consumer group in Kafka.

With `auto.offset.reset=none` the job begins there and nowhere else. Should Kafka no longer hold the
offset that it must read next, now or when it resumes from a checkpoint, it stops with an error that
names the offset: `earliest` would continue with what is left, silently.

A job on Flink commits there how far its newest completed checkpoint has read, and from where on
there was no record: markers of transactions take offsets, and once retention has passed them nobody
else can tell them from lost records (docs/decisions/0023). No job reads on from such a commit.

The group also says which partitions a state knows. Kafka's legacy source (docs/decisions/0004) asks
for partitions once: one that is added later would never be read.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

from google.api_core.exceptions import RetryError
from google.api_core.retry import Retry
from kafka import KafkaAdminClient
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata, TopicPartition

from operations import kafka_client
from operations.errors import CannotStart
from pipeline.launch.held_tables import Held, Partition
from transforms.kafka.topic_watch import described
from transforms.read_kafka import KafkaSource, OffsetRange

# A broker that has just started, or never kept a group, needs a moment to find who keeps this one.
_RETRY = Retry(
    predicate=lambda error: isinstance(error, KafkaError) and error.retriable,
    initial=0.2,
    maximum=2.0,
    timeout=30.0,
)


def commit(source: KafkaSource, starts: Sequence[OffsetRange]) -> None:
    """Makes a new job begin at the starts of these ranges.

    Raises:
        CannotStart: Kafka does not keep it.
    """
    offsets = {
        TopicPartition(span.topic, span.partition): OffsetAndMetadata(span.start, "", -1)
        for span in starts
    }
    with _admin(source) as admin:
        _RETRY(_alter)(admin, source.group, offsets)


def _alter(
    admin: KafkaAdminClient, group: str | None, offsets: dict[TopicPartition, OffsetAndMetadata]
) -> None:
    for error in admin.alter_group_offsets(group, offsets).values():
        if error is not NoError:
            raise error


def topic_ids(source: KafkaSource) -> dict[str, str]:
    """Returns Kafka's id of each topic, by name; none from brokers before 2.8.

    Raises:
        CannotStart: Kafka does not say.
    """
    with _admin(source) as admin:
        topics = _RETRY(described)(admin, source.topics)
    return {name: topic.topic_id for name, topic in topics.items() if topic.topic_id}


def _committed(source: KafkaSource) -> dict[TopicPartition, OffsetAndMetadata]:
    with _admin(source) as admin:
        [offsets] = _RETRY(admin.list_group_offsets)([source.group]).values()
    return dict(offsets)


def check_partitions(source: KafkaSource, now: Sequence[OffsetRange]) -> None:
    """Raises CannotStart when there are partitions that the state of a job does not know."""
    offsets = _committed(source)
    known = {(pair.topic, pair.partition) for pair in offsets}
    unknown = [span for span in now if (span.topic, span.partition) not in known]
    # Kafka forgets a group after a while (offsets.retention.minutes); then there is nothing to ask.
    if known and unknown:
        names = ", ".join(f"{span.topic}[{span.partition}]" for span in unknown)
        raise CannotStart(
            f"{names} did not exist when this state began, and would never be read. Hint: start "
            "with --start_from_tables=FOLDER instead: it goes on with the tables and reads all "
            "partitions."
        )


# What Kafka's patched source writes beside what it commits, and a bounded run at its end.
_RECORDS_END = re.compile(r"(?:^| )records_end=(\d+)$")


def commit_end(source: KafkaSource, without_records: Sequence[OffsetRange]) -> None:
    """Notes which offsets at the end of a partition that was read are no records.

    Raises:
        CannotStart: Kafka does not keep it.
    """
    offsets = {
        TopicPartition(span.topic, span.partition): OffsetAndMetadata(
            span.end, f"records_end={span.start}", -1
        )
        for span in without_records
    }
    with _admin(source) as admin:
        _RETRY(_alter)(admin, source.group, offsets)


def behind_markers(
    source: KafkaSource, held: Mapping[Partition, Held], *, with_state: bool
) -> dict[Partition, Held]:
    """Returns what the tables hold, each end moved behind offsets that are known to be no records.

    Args:
        with_state: whether a state is resumed, which holds what it has read and no table shows yet.
    """
    moved = dict(held)
    for pair, each in _committed(source).items() if held and source.group else ():
        place = (pair.topic, pair.partition)
        note = _RECORDS_END.search(each.metadata or "")
        complete_from = 0 if with_state else int(note[1]) if note else each.offset
        if place in held and complete_from <= held[place].end < each.offset:
            moved[place] = held[place]._replace(end=each.offset)
    return moved


@contextlib.contextmanager
def _admin(source: KafkaSource) -> Iterator[KafkaAdminClient]:
    try:
        admin = kafka_client.admin(source.bootstrap_servers, source.properties)
    except kafka_client.Unreachable as error:
        raise CannotStart(str(error)) from None
    try:
        yield admin
    except (KafkaError, RetryError) as error:
        reason = error.cause if isinstance(error, RetryError) else error
        raise CannotStart(
            f"Kafka at {source.bootstrap_servers} does not keep start offsets for group "
            f"{source.group!r}: {type(reason).__name__}: {reason}. Hint: the job's user needs READ "
            "on that group."
        ) from None
    finally:
        admin.close()

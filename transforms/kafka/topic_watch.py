"""Stops a job whose topics are no longer those that it was submitted for.

Kafka's source asks for partitions when a job is new, and never again: records in a partition that
is added later would be read by nobody, and nobody would be told. A topic that was deleted and made
anew begins its offsets again: those that the job has passed would be read by nobody either.
A job that goes by producers' times relies on the bounds that the broker keeps (topic_times.py).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from transforms.kafka import connection as kafka_connection
from transforms.kafka import topic_times
from transforms.kafka.properties import PropertiesError
from transforms.kafka.topic_times import Times
from transforms.payment.arrival import BY_BROKER, Arrival
from transforms.payment.ends_job import EndsJob

_LOG = logging.getLogger(__name__)
_ASK_EVERY_SEC = 30.0

Partition = tuple[str, int]


class Topic(NamedTuple):
    """A topic as Kafka describes it.

    Attributes:
        topic_id: Kafka's own name of it, which a topic made anew does not share (KIP-516); "" from
            brokers before 2.8.
        times: whose times records carry, and their bounds; None where nobody asks.
    """

    topic_id: str
    partitions: frozenset[int]
    times: Times | None = None


class PartitionsAdded(EndsJob):
    """There are partitions that the job does not read: the message names them, and what to do."""


class TopicRemade(EndsJob):
    """A topic is another one under the same name."""


class BoundsChanged(EndsJob):
    """The broker takes producers' times that the job does not reckon with."""


class TopicWatch:
    """Asks Kafka now and then.

    Args:
        partitions: those that the job reads.
        topic_ids: by name, of the topics that it reads; empty where nobody could ask.
        ask: returns the topics as they are.
        required: whose times records carry, and how far apart those may be.
    """

    def __init__(
        self,
        partitions: Collection[Partition],
        topic_ids: Mapping[str, str],
        ask: Callable[[], Mapping[str, Topic]],
        required: Arrival = BY_BROKER,
    ) -> None:
        self._partitions = frozenset(partitions)
        self._topic_ids = topic_ids
        self._ask = ask
        self._required = required
        # A job that restarts because its topic was made anew must not read on in the new one.
        self._next_ask = time.monotonic()

    def check(self) -> None:
        """Returns while all is as it was, and before it is time to ask again.

        Raises:
            PartitionsAdded, TopicRemade, BoundsChanged: it is not.
        """
        if time.monotonic() < self._next_ask:
            return
        self._next_ask = time.monotonic() + _ASK_EVERY_SEC
        try:
            topics = self._ask()
        except (KafkaError, PropertiesError) as error:
            # The source itself fails when Kafka stays away; until then there is nothing to be told.
            _LOG.warning("could not ask Kafka for its topics: %s", type(error).__name__)
            return
        self._require_same(topics)
        self._require_known_partitions(topics)
        self._require_bounds(topics)

    def _require_same(self, topics: Mapping[str, Topic]) -> None:
        for name, topic in topics.items():
            known = self._topic_ids.get(name)
            if known and topic.topic_id and topic.topic_id != known:
                raise TopicRemade(
                    f"topic {name!r} was deleted and made anew: Kafka's id of it is "
                    f"{topic.topic_id}, it was {known} when this job began. Its offsets begin "
                    "again, and those that this job has passed would not be read. Hint: stop the "
                    "job, and count the topic into tables of its own."
                )

    def _require_known_partitions(self, topics: Mapping[str, Topic]) -> None:
        there = {(name, number) for name, topic in topics.items() for number in topic.partitions}
        if added := sorted(there - self._partitions):
            names = ", ".join(f"{topic}[{number}]" for topic, number in added)
            raise PartitionsAdded(
                f"{names} did not exist when this job began, and are not read. Nothing is lost: "
                "Kafka keeps the records. Hint: stop the job and start it with "
                "--start_from_tables=FOLDER, which reads all partitions and counts nothing again."
            )

    def _require_bounds(self, topics: Mapping[str, Topic]) -> None:
        times = {name: topic.times for name, topic in topics.items() if topic.times is not None}
        if changed := topic_times.change(self._required, times):
            raise BoundsChanged(
                f"{changed}. A copy could arrive when its id is forgotten, so this job goes no "
                "further; nothing is lost. Hint: set the bounds to what they were and resume from "
                "the newest checkpoint, or start with --start_from_tables=FOLDER, which takes the "
                "new ones."
            )


def topics_now(
    servers: str, properties: Mapping[str, str], names: Collection[str], with_times: bool = False
) -> dict[str, Topic]:
    """Returns the topics that there are, by name. Raises KafkaError."""
    admin = KafkaAdminClient(**kafka_connection.for_kafka_python(servers, properties))
    try:
        topics = described(admin, names)
        settings = topic_times.asked(admin, topics) if with_times else {}
        return {
            name: topic._replace(times=topic_times.times_of(settings[name]))
            if name in settings
            else topic
            for name, topic in topics.items()
        }
    finally:
        admin.close()


def described(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, Topic]:
    """Returns those of the topics that there are, by name; none is made by asking."""
    return {
        topic["name"]: Topic(
            str(topic.get("topic_id") or ""),
            frozenset(partition["partition_index"] for partition in topic["partitions"]),
        )
        for topic in admin.describe_topics(list(names))
        if not topic["error_code"]
    }

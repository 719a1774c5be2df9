"""Has a topic got more partitions than the job reads? Then the job must not go on quietly.

Kafka's source asks for partitions when a job is new, and never again: records in a partition that
is added later would be read by nobody, and nobody would be told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from transforms.contract import kafka_connection
from transforms.contract.kafka_properties import PropertiesError

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_SEC = 30.0

Partition = tuple[str, int]


class PartitionsAdded(RuntimeError):
    """There are partitions that the job does not read: the message names them, and what to do."""


class PartitionWatch:
    """Looks now and then.

    Args:
        known: the partitions that the job reads.
        ask: returns the partitions that there are.
    """

    def __init__(
        self, known: Collection[Partition], ask: Callable[[], Iterable[Partition]]
    ) -> None:
        self._known = frozenset(known)
        self._ask = ask
        self._next_look = time.monotonic() + _LOOK_EVERY_SEC

    def look(self) -> None:
        """Raises PartitionsAdded; does nothing before its time, or when Kafka does not answer."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_EVERY_SEC
        try:
            added = sorted(set(self._ask()) - self._known)
        except (KafkaError, PropertiesError) as error:
            # The source itself fails when Kafka stays away; until then there is nothing to be told.
            _LOG.warning("could not ask Kafka for partitions: %s", type(error).__name__)
            return
        if added:
            names = ", ".join(f"{topic}[{number}]" for topic, number in added)
            raise PartitionsAdded(
                f"{names} did not exist when this job began, and are not read. Nothing is lost: "
                "Kafka keeps the records. Hint: stop the job and start it with "
                "--start_from_tables=FOLDER, which reads all partitions and counts nothing again."
            )


def partitions_now(
    servers: str, properties: dict[str, str], topics: Iterable[str]
) -> set[Partition]:
    """Returns the partitions of the topics. Raises KafkaError."""
    consumer = KafkaConsumer(
        **kafka_connection.for_kafka_python(servers, properties), enable_auto_commit=False
    )
    try:
        return {
            (topic, number)
            for topic in topics
            for number in consumer.partitions_for_topic(topic) or ()
        }
    finally:
        consumer.close(autocommit=False)

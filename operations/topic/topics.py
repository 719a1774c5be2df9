"""Asks Kafka's admin client for topics, and makes one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from operations import kafka_client
from operations.errors import CannotCheck

_TIMES = "message.timestamp.type"
LOG_APPEND_TIME = "LogAppendTime"


class Found(NamedTuple):
    """A topic.

    Attributes:
        times: LogAppendTime or CreateTime; None when this user may not know.
        offsets: from the first to the last that it holds, all partitions together: markers of
            transactions are among them.
    """

    name: str
    partitions: int
    times: str | None
    offsets: int


class Admin:
    """Topics. Use `connected`."""

    def __init__(self, admin: Any) -> None:
        self._admin = admin

    def names(self) -> list[str]:
        """Returns the topics that are not Kafka's own."""
        return sorted(name for name in self._admin.list_topics() if not name.startswith("__"))

    def times(self, names: Sequence[str]) -> Mapping[str, str]:
        """Returns whose times the records of topics carry, as far as this user may know."""
        kind = ConfigResourceType.TOPIC
        asked = [ConfigResource(kind, name, [_TIMES]) for name in names]
        if not asked:
            return {}
        try:
            found = self._admin.describe_configs(asked, config_filter="all")["topic"]
            return {name: found[name][_TIMES]["value"] for name in names if name in found}
        except (KafkaError, KeyError):
            return {}

    def create(self, name: str, partitions: int, replicas: int) -> bool:
        """Makes a topic whose records carry their arrival; returns whether it was not there.

        Args:
            replicas: -1 for as many as Kafka makes by itself.
        """
        wanted = {
            "num_partitions": partitions,
            "replication_factor": replicas,
            "configs": {_TIMES: LOG_APPEND_TIME},
        }
        try:
            self._admin.create_topics({name: wanted}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return False
        return True


@contextlib.contextmanager
def connected(servers: str, properties: Mapping[str, str]) -> Iterator[Admin]:
    """Connects for the length of a with-block. Raises CannotCheck."""
    try:
        admin = kafka_client.admin(servers, properties)
    except kafka_client.Unreachable as error:
        raise CannotCheck(str(error)) from None
    try:
        yield Admin(admin)
    except KafkaError as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise CannotCheck(f"Kafka at {servers} refused: {reason}") from None
    finally:
        admin.close()

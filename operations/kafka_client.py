"""Makes the Kafka clients of all programs: readers, admin clients and producers, with limits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from transforms.kafka import causes as kafka_causes
from transforms.kafka import connection as kafka_connection
from transforms.kafka import reader as kafka_reader
from transforms.kafka import slow
from transforms.kafka.properties import PropertiesError
from transforms.kafka.reader import CannotRead, KafkaReader

# A broker that is up answers in milliseconds; one that is down should be reported before a person
# wonders (30 s is the promise, with room for the caller's own work).
BROKER_TIMEOUT_MS = 15_000
# Long enough for another broker to take over a partition.
_DELIVERY_TIMEOUT_MS = 60_000


class Unreachable(RuntimeError):
    """A service does not answer: the message names it and its address."""


def consumer(
    servers: str, properties: Mapping[str, str], isolation_level: str = "read_committed"
) -> KafkaConsumer:
    """Returns a consumer that sees committed records only, unless asked, and commits nothing.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(
        KafkaConsumer,
        servers,
        properties,
        **{**kafka_reader.READING, "isolation_level": isolation_level},
    )


@contextlib.contextmanager
def reader(
    servers: str,
    properties: Mapping[str, str],
    raised_as: type[Exception],
    isolation_level: str = "read_committed",
) -> Iterator[KafkaReader]:
    """Connects a reader for the length of a with-block.

    Raises:
        raised_as: no broker answers, or what is asked for cannot be read.
    """
    try:
        connected = consumer(servers, properties, isolation_level)
    except Unreachable as error:
        raise raised_as(str(error)) from None
    try:
        yield KafkaReader(servers, connected)
    except CannotRead as error:
        raise raised_as(str(error)) from None
    finally:
        connected.close(autocommit=False)


def admin(servers: str, properties: Mapping[str, str]) -> KafkaAdminClient:
    """Returns an admin client.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(KafkaAdminClient, servers, properties)


def producer(servers: str, properties: Mapping[str, str]) -> KafkaProducer:
    """Returns a producer whose retries store a record once.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(
        KafkaProducer,
        servers,
        properties,
        acks="all",
        enable_idempotence=True,
        allow_auto_create_topics=False,  # would be made with CreateTime: no arrival times
        delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
        max_block_ms=BROKER_TIMEOUT_MS,
    )


def transactional(servers: str, properties: Mapping[str, str], name: str) -> KafkaProducer:
    """Returns a producer of transactions, which fences off others of its name.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(
        KafkaProducer,
        servers,
        properties,
        acks="all",
        transactional_id=name,
        enable_idempotence=True,
        allow_auto_create_topics=False,
        delivery_timeout_ms=_DELIVERY_TIMEOUT_MS,
        max_block_ms=BROKER_TIMEOUT_MS,
    )


def of_group(servers: str, properties: Mapping[str, str], group: str) -> KafkaConsumer:
    """Returns a consumer that asks for what a group has committed, and commits nothing itself.

    Raises:
        Unreachable: no broker answers.
    """
    return _connect(
        KafkaConsumer, servers, properties, **{**kafka_reader.READING, "group_id": group}
    )


def _connect(client: Any, servers: str, properties: Mapping[str, str], **more: Any) -> Any:
    try:
        arguments = kafka_connection.for_kafka_python(servers, properties)
    except PropertiesError as error:
        raise Unreachable(f"--kafka_config_file: {error}") from None
    waits = f"waiting for a Kafka broker at {servers}, for at most {BROKER_TIMEOUT_MS // 1_000} s"
    with kafka_causes.collected() as causes, slow.told(waits):
        try:
            return client(**arguments, bootstrap_timeout_ms=BROKER_TIMEOUT_MS, **more)
        except KafkaError as error:
            why = causes.text() or type(error).__name__
            if "SaslAuthenticationFailed" in why:
                raise Unreachable(
                    f"Kafka at {servers} refused the login ({why}). Hint: check user, password and "
                    "mechanism in --kafka_config_file."
                ) from None
            raise Unreachable(
                f"no Kafka broker answers at {servers} ({why}). Hint: is it running, is the "
                "address the one that it advertises, and does --kafka_config_file fit its listener?"
            ) from None

"""Sends planned records to Kafka: the only producer, with every record's acknowledgement."""

from __future__ import annotations

import collections
import operator
import ssl
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import kafka
from kafka.codec import has_zstd
from kafka.errors import KafkaError, KafkaTimeoutError

from simulator.send import Send
from transforms.kafka import causes as kafka_causes
from transforms.kafka import slow

# Unreachable brokers and missing topics are reported within 30 s together.
_CONNECT_MS_MAX = 15_000
_TOPIC_MS_MAX = 10_000
# Long enough for everything to start again after a power cut, on a busy machine as well.
_DELIVERY_MS_MAX = 240_000
# kafka-python bounds neither the memory nor the number of records that wait for a broker.
IN_FLIGHT_MAX = 20_000
_LINGER_MS = 10
_BATCH_BYTES = 262_144


class ProduceError(Exception):
    """Records cannot be delivered; the message says which, where, and what to do."""


class Acknowledged(NamedTuple):
    """What is known of a record that was sent."""

    n: int
    send: Send
    offset: int | None  # None when the broker has it twice and no longer knows where
    broker_time_ms: int | None = None


class Publisher:
    """An idempotent producer: a record that it sends again after a lost answer is stored once.

    Raises (when made):
        ProduceError: no broker answers, it refuses the login, or it has no such topic.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        connection: dict[str, Any],
        clock_off_sec: float = 0.0,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._clock_off_sec = clock_off_sec
        self._producer = connect(bootstrap_servers, connection)
        self.partitions = self._count_partitions()
        # A queue per partition: acknowledgements come in order within one, not across them.
        self._waiting: list[collections.deque[tuple[int, Send, Any]]] = [
            collections.deque() for _ in range(self.partitions)
        ]
        self._refused: list[tuple[int, Send]] = []
        self.in_flight = 0
        self.failure: ProduceError | None = None

    def send(self, n: int, send: Send) -> None:
        """Sends record number `n` without waiting for its acknowledgement.

        Raises:
            ProduceError: the record cannot even be tried, because it is too large, say.
        """
        try:
            future = self._hand_over(send)
        except KafkaError as error:
            raise self._failure(n, send, error) from None
        self._waiting[send.partition].append((n, send, future))
        self.in_flight += 1

    def complete(self) -> None:
        """Sends what waits for more of its kind: nothing, without transactions."""

    def acknowledged(self) -> Iterator[Acknowledged]:
        """Yields what was acknowledged since the last call; sets `failure` at the first refusal."""
        for waiting in self._waiting:
            while waiting and waiting[0][2].is_done:
                n, send, future = waiting.popleft()
                self.in_flight -= 1
                if future.exception is not None:
                    self.failure = self.failure or self._failure(n, send, future.exception)
                    self._refused.append((n, send))
                    continue
                offset = future.value.offset
                time_ms = future.value.timestamp if send.time_is_arrival else None
                yield Acknowledged(n, send, offset if offset >= 0 else None, time_ms)

    def unacknowledged(self) -> list[tuple[int, Send]]:
        """Returns what was sent and never acknowledged: Kafka may have it or not."""
        waiting = [(n, send) for queue in self._waiting for n, send, _ in queue]
        return sorted(self._refused + waiting, key=operator.itemgetter(0))

    def close(self) -> None:
        """Ends the connection; what is still unsent is given up."""
        _close(self._producer)

    def _hand_over(self, send: Send) -> Any:
        """Gives a record to the producer, with the time of its clock."""
        return self._producer.send(
            self._topic,
            send.payload,
            send.key,
            headers=list(send.headers) if send.headers else None,
            partition=send.partition,
            timestamp_ms=round((time.time() + self._clock_off_sec) * 1_000),
        )

    def _count_partitions(self) -> int:
        try:
            partitions: set[int] = self._producer.partitions_for(self._topic)
        except KafkaTimeoutError:
            self.close()
            raise ProduceError(
                f"topic {self._topic!r} does not exist at {self._bootstrap_servers} "
                f"(asked for {_TOPIC_MS_MAX // 1000} s). Hint: create it, with "
                "message.timestamp.type=LogAppendTime, or check --topic"
            ) from None
        except KafkaError as error:
            self.close()
            raise ProduceError(
                f"topic {self._topic!r} at {self._bootstrap_servers} cannot be used: {_text(error)}"
            ) from None
        return len(partitions)

    def _failure(self, n: int, send: Send, error: Exception) -> ProduceError:
        payload_bytes = len(send.payload or b"")
        return ProduceError(
            f"record {n} ({send.fault}, {payload_bytes} bytes) was not delivered to "
            f"{self._topic}-{send.partition} at {self._bootstrap_servers}: {_text(error)}. "
            "Hint: the ledger keeps what was acknowledged; an offset of null means unknown"
        )


def connect(bootstrap_servers: str, connection: dict[str, Any]) -> Any:
    """Returns an idempotent producer. Raises ProduceError."""
    settings = {
        # zstd costs less than the checksum of the bytes that it saves: without the package crc32c
        # kafka-python computes it in Python, 17,000 records/s plain against 44,000 with zstd.
        "compression_type": "zstd" if has_zstd() else "gzip",
        "enable_idempotence": True,
        "acks": "all",
        "allow_auto_create_topics": False,  # would be made with CreateTime: no arrival times
        "linger_ms": _LINGER_MS,
        "batch_size": _BATCH_BYTES,
        "delivery_timeout_ms": _DELIVERY_MS_MAX,
        "bootstrap_timeout_ms": _CONNECT_MS_MAX,
        "max_block_ms": _TOPIC_MS_MAX,
        "reconnect_backoff_max_ms": 1_000,
        "metrics_enabled": False,
        "client_id": "payments-simulator",
    }
    begin_sec = time.monotonic()
    waits = f"waiting for Kafka at {bootstrap_servers}, for at most {_CONNECT_MS_MAX // 1_000} s"
    with kafka_causes.collected() as causes, slow.told(waits):
        try:
            return kafka.KafkaProducer(**(settings | connection))
        except (KafkaError, OSError, ssl.SSLError, ValueError) as error:
            waited_sec = time.monotonic() - begin_sec
            raise ProduceError(
                f"cannot connect to Kafka at {bootstrap_servers} (tried for {waited_sec:.0f} s): "
                f"{causes.text() or _text(error)}. Hint: is the broker running, and does "
                "--kafka_config_file fit its listener?"
            ) from None


def _close(producer: Any) -> None:
    try:
        producer.close(timeout=1)
    except KafkaError:
        # Records are still under way, so kafka-python refuses to close, and would try again, and
        # say so with a stack trace, when the process ends. The report names these records.
        producer._closed = True


def _text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__

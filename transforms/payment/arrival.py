"""Tells whether a record says when it arrived: its timestamp is the broker's, or it is not.

A topic that is altered to LogAppendTime keeps its old batches with the producer's time. So the
timestamp type of each record counts, not the topic's setting.
"""

from __future__ import annotations

from typing import Any

from transforms.payment.ends_job import EndsJob

# Kafka's numbers; a record of before Kafka 0.10 has neither.
CREATE_TIME = 0
LOG_APPEND_TIME = 1
_NAMES = {CREATE_TIME: "CreateTime", LOG_APPEND_TIME: "LogAppendTime"}


class NoArrivalTime(EndsJob):
    """A record carries its producer's time: the message names it, and what to do."""

    def __init__(self, topic: str, partition: int, offset: int, timestamp_type: int | None) -> None:
        kind = _NAMES.get(-1 if timestamp_type is None else timestamp_type, "no timestamp type")
        super().__init__(
            f"{topic}[{partition}] offset {offset} carries its producer's time ({kind}), so nobody "
            "can tell when it arrived, and it is not counted. Nothing is lost: Kafka keeps it. "
            f"Hint: {hint(topic)}"
        )


def require(message: Any) -> None:
    """Raises NoArrivalTime for a message of kafka-python that does not say when it arrived."""
    if message.timestamp_type != LOG_APPEND_TIME:
        raise NoArrivalTime(
            message.topic, message.partition, message.offset, message.timestamp_type
        )


def hint(topic: str) -> str:
    """Returns what to do about records without arrival time."""
    return (
        f"set message.timestamp.type=LogAppendTime on {topic} if it is no longer set. Records that "
        "are there keep their time: remove them with kafka-delete-records.sh if they need not be "
        "counted, or copy the topic into one that has LogAppendTime from its beginning "
        "(docs/launch.md, Topics)."
    )

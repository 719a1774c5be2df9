"""Says whose times records carry, and whether those tell when they arrived.

log_append_time      the broker's own: a record's time is its arrival
bounded_create_time  the producer's, of a topic whose broker takes no record that is more than
                     `before` behind its clock or `after` ahead of it (KIP-937): a record with time
                     t has arrived between t - after and t + before. Both together are the slack.

A topic that is altered keeps its old batches with the other kind of time. So the timestamp type of
each record counts, not the topic's setting (docs/decisions/0032).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from transforms.payment.ends_job import EndsJob

# Kafka's numbers; a record of before Kafka 0.10 has neither.
CREATE_TIME = 0
LOG_APPEND_TIME = 1
_NAMES = {CREATE_TIME: "CreateTime", LOG_APPEND_TIME: "LogAppendTime"}

# As a contract says it.
LOG_APPEND = "log_append_time"
BOUNDED_CREATE = "bounded_create_time"
ARRIVALS = (LOG_APPEND, BOUNDED_CREATE)

_NOT_LOST = "it is not counted. Nothing is lost: Kafka keeps it. Hint: "


class NoArrivalTime(EndsJob):
    """A record does not say when it arrived: the message names it, and what to do."""

    def __init__(self, topic: str, partition: int, offset: int, why: str, hint: str) -> None:
        super().__init__(f"{topic}[{partition}] offset {offset} {why}, and {_NOT_LOST}{hint}")


@dataclasses.dataclass(frozen=True)
class Arrival:
    """How a job knows when records arrived.

    Attributes:
        mode: LOG_APPEND or BOUNDED_CREATE.
        slack_sec: how far apart the times of two records can be, at most, that arrive one after
            the other, in whole seconds; 0 where the broker's time counts.
    """

    mode: str = LOG_APPEND
    slack_sec: int = 0

    @property
    def is_bounded(self) -> bool:
        """Returns whether records carry their producers' times, within bounds."""
        return self.mode == BOUNDED_CREATE

    @property
    def slack_us(self) -> int:
        """Returns the slack in microseconds."""
        return self.slack_sec * 1_000_000

    @property
    def timestamp_type(self) -> int:
        """Returns Kafka's number of what each record must carry."""
        return CREATE_TIME if self.is_bounded else LOG_APPEND_TIME

    def fits(self, message: Any) -> bool:
        """Returns whether a message of Kafka carries the time that it must."""
        # Brokers take a record without a time, and ask it nothing.
        return bool(message.timestamp_type == self.timestamp_type and message.timestamp >= 0)

    def require(self, message: Any) -> None:
        """Raises NoArrivalTime for a message that does not carry the time that it must."""
        if not self.fits(message):
            raise self.refusal(
                message.topic,
                message.partition,
                message.offset,
                message.timestamp_type,
                message.timestamp,
            )

    def refusal(
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp_type: int | None,
        timestamp_ms: int | None = 0,
    ) -> NoArrivalTime:
        """Returns the error for a record that does not carry the time that it must."""
        kind = _NAMES.get(-1 if timestamp_type is None else timestamp_type, "no timestamp type")
        hint = self.hint(topic)
        if not self.is_bounded:
            why = f"carries its producer's time ({kind}), so nobody can tell when it arrived"
        elif timestamp_type == LOG_APPEND_TIME:
            why = f"carries the broker's time ({kind}), and this job goes by producers' times"
        else:
            why = f"carries no time ({kind}, {timestamp_ms}), so nobody can tell when it arrived"
        return NoArrivalTime(topic, partition, offset, why, hint)

    def hint(self, topic: str) -> str:
        """Returns what to do about records with other times."""
        if self.is_bounded:
            return (
                f"if {topic} has LogAppendTime, the contract must say arrival: {LOG_APPEND}. If it "
                "was altered, remove the other records with kafka-delete-records.sh if they need "
                "not be counted, or copy the topic into one that has LogAppendTime from its "
                "beginning (docs/launch.md, Topics)."
            )
        return (
            f"set message.timestamp.type=LogAppendTime on {topic} if it is no longer set. Records "
            "that are there keep their time: remove them with kafka-delete-records.sh if they need "
            "not be counted, or copy the topic into one that has LogAppendTime from its beginning "
            "(docs/launch.md, Topics)."
        )


BY_BROKER = Arrival()

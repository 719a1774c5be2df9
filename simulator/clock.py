"""Makes sure that a topic takes the times of a producer whose clock is off."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from simulator.produce import ProduceError
from transforms.kafka import topic_times
from transforms.kafka.topic_times import Times

_CONNECT_MS_MAX = 15_000


def check(topic: str, connection: dict[str, Any], clock_off_sec: float) -> None:
    """Returns when the topic keeps its producers' times and this clock is within its bounds.

    Raises:
        ProduceError: it does not, and every payment would end otherwise than the ledger says.
    """
    try:
        admin = KafkaAdminClient(**connection, bootstrap_timeout_ms=_CONNECT_MS_MAX)
        try:
            settings = topic_times.asked(admin, [topic]).get(topic, {})
        finally:
            admin.close()
    except KafkaError as error:
        raise ProduceError(
            f"the settings of topic {topic!r} cannot be read: {error}. "
            "Hint: --clock_off_sec asks for them"
        ) from None
    if problem := problem_of(topic_times.times_of(settings), clock_off_sec):
        raise ProduceError(f"topic {topic!r} {problem}, got --clock_off_sec={clock_off_sec:g}")


def problem_of(times: Times, clock_off_sec: float) -> str | None:
    """Returns why a topic does not take the times of a clock; None when it does."""
    if times.kind != "CreateTime":
        return f"must have {topic_times.TYPE}=CreateTime, not {times.kind}"
    bound_ms = times.before_ms if clock_off_sec < 0 else times.after_ms
    if bound_ms is not None and abs(clock_off_sec) * 1_000 >= bound_ms:
        name = topic_times.BEFORE if clock_off_sec < 0 else topic_times.AFTER
        return f"bounds its producers' times: {name}={bound_ms}"
    return None

"""Asks a broker whose times the records of a topic carry, and how far it lets those be off.

Since Kafka 3.6 (KIP-937) a broker refuses a record whose producer's time is more than
`message.timestamp.before.max.ms` behind its clock or `message.timestamp.after.max.ms` ahead of it.
Before, `message.timestamp.difference.max.ms` was both; where both are known, it counts for the one
that is not set. What a topic does not say is the broker's default, and told like its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from transforms.payment.arrival import Arrival

TYPE = "message.timestamp.type"
BEFORE = "message.timestamp.before.max.ms"
AFTER = "message.timestamp.after.max.ms"
DIFFERENCE = "message.timestamp.difference.max.ms"
SETTINGS = (TYPE, BEFORE, AFTER, DIFFERENCE)
_NO_BOUND = 2**63 - 1


class Times(NamedTuple):
    """What a topic's settings say.

    Attributes:
        kind: LogAppendTime or CreateTime.
        before_ms, after_ms: how far behind, and ahead of, the broker's clock a producer's time may
            be; None without a bound.
    """

    kind: str
    before_ms: int | None
    after_ms: int | None

    def missing(self) -> list[str]:
        """Returns the names of the bounds that are not set."""
        bounds = {BEFORE: self.before_ms, AFTER: self.after_ms}
        return [name for name, bound in bounds.items() if bound is None]


def asked(
    admin: KafkaAdminClient, topics: Iterable[str], more: Collection[str] = ()
) -> dict[str, dict[str, str]]:
    """Returns the settings of topics, by name, with those of `more`. Raises KafkaError."""
    kind = ConfigResourceType.TOPIC
    wanted = [ConfigResource(kind, topic, [*SETTINGS, *more]) for topic in topics]
    if not wanted:
        return {}
    found = admin.describe_configs(wanted, config_filter="all").get("topic", {})
    return {
        topic: {name: str(each["value"]) for name, each in settings.items()}
        for topic, settings in found.items()
    }


def times_of(settings: Mapping[str, Any]) -> Times:
    """Returns what the settings of a topic say."""
    difference = _bound(settings.get(DIFFERENCE))
    before, after = _bound(settings.get(BEFORE)), _bound(settings.get(AFTER))
    return Times(
        str(settings.get(TYPE, "CreateTime")),
        difference if before is None else before,
        difference if after is None else after,
    )


def slack_sec(times: Iterable[Times]) -> int:
    """Returns how far apart the times of two records can be that arrive one after the other.

    Of several topics the widest bounds count. All must have bounds.
    """
    found = list(times)
    before = max((each.before_ms or 0 for each in found), default=0)
    after = max((each.after_ms or 0 for each in found), default=0)
    return -(-(before + after) // 1_000)


def change(required: Arrival, times: Mapping[str, Times]) -> str | None:
    """Returns what keeps a job from going on that relies on `required`; None while nothing does."""
    if not required.is_bounded:
        return None  # each record's own type is looked at
    for topic, each in times.items():
        if missing := each.missing():
            return f"topic {topic!r} has no bound any more: {' and '.join(missing)}"
        if slack_sec([each]) > required.slack_sec:
            return (
                f"topic {topic!r} has wider bounds than this job began with: together "
                f"{slack_sec([each])} s, they were at most {required.slack_sec} s"
            )
    return None


def _bound(value: str | None) -> int | None:
    bound = _NO_BOUND if value is None else int(value)
    return None if bound >= _NO_BOUND else bound

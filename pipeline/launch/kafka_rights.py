"""Rights on topics that a job needs, asked of the broker before anything is submitted."""

from __future__ import annotations

from collections.abc import Iterable

from kafka import KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, TopicAuthorizationFailedError

_NEEDED = {"READ", "DESCRIBE_CONFIGS"}


def missing(admin: KafkaAdminClient, topics: Iterable[str]) -> str | None:
    """Returns the first topic on which a right is missing, in one line; None for none.

    A topic that does not exist is no matter of rights. A broker without an authorizer grants all.
    """
    for topic in admin.describe_topics(list(topics)):
        name, held = topic["name"], topic["authorized_operations"]
        if topic["error_code"] == TopicAuthorizationFailedError.errno:
            absent = {"READ"}  # nothing more is known of it
        else:
            absent = _NEEDED.difference(held or _NEEDED)
        if absent:
            return (
                f"the user of --kafka_config_file must have {' and '.join(sorted(_NEEDED))} on "
                f"topic {name!r}, missing {' and '.join(sorted(absent))}. Hint: kafka-acls.sh "
                f"--add --topic {name} --allow-principal User:NAME "
                + " ".join(f"--operation {right}" for right in sorted(_NEEDED))
            )
    return None


def told(servers: str, error: KafkaError) -> str:
    """Returns what a broker's error means, in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, AuthorizationError):
        return f"Kafka at {servers} refused, because the user is missing a right: {text}"
    return f"Kafka at {servers} failed: {type(error).__name__}: {text}"

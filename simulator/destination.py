"""Checks the settings of Kafka that all senders share."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from simulator.traffic import UsageError
from transforms import addresses
from transforms.kafka import connection as kafka_connection
from transforms.kafka import properties as kafka_properties


def topic(text: str) -> str:
    """Returns the one topic that is sent to. Raises UsageError."""
    if "," in text:
        raise UsageError(f"--kafka_topics must name one topic, which is sent to, got {text!r}")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text):
        raise UsageError(f"--kafka_topics must be 1 to 249 of A-Z a-z 0-9 . _ -, got {text!r}")
    return text


def servers(text: str | None) -> str:
    """Returns the brokers, comma-separated. Raises UsageError."""
    if text is None:
        raise UsageError("--kafka_bootstrap_servers is required, such as 127.0.0.1:9092")
    try:
        return ",".join(addresses.servers(text))
    except ValueError as error:
        raise UsageError(f"--kafka_bootstrap_servers {error}") from None


def connection(servers: str, file: Path | None) -> dict[str, Any]:
    """Returns what kafka-python needs to reach them, secrets among it. Raises UsageError."""
    try:
        settings = kafka_properties.load(file)
        found = kafka_connection.for_kafka_python(servers, settings)
    except kafka_properties.PropertiesError as error:
        raise UsageError(f"--kafka_config_file: {error}") from None
    for name in kafka_connection.left_out(settings):
        print(
            f"simulator: note: {file}: {name} is left out: the simulator sets it itself or has no "
            "use for it",
            file=sys.stderr,
        )
    return found

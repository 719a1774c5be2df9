"""How are Kafka client settings given? In one Java-style properties file, for both clients.

The Java client inside Beam takes the file's settings as they are; kafka-python, which the checks,
the bounded read and the simulator use, takes them under other names.
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

# Java's name → kafka-python's. A PEM truststore works with both clients; a JKS one only with Java.
_SAME_MEANING = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "ssl.truststore.location": "ssl_cafile",
    "client.id": "client_id",
    "request.timeout.ms": "request_timeout_ms",
}
_JAAS_FIELD = re.compile(r"\b(username|password)\s*=\s*\"((?:[^\"\\]|\\.)*)\"")


class PropertiesError(ValueError):
    """A properties file that cannot be used: the message says where, and what was required."""


def load(path: str | None) -> dict[str, str]:
    """Returns the settings in the file, {} for None.

    Raises:
        PropertiesError: no such file, or a line that is not `name=value`. Values never appear in
            the message, since some are secret.
    """
    if path is None:
        return {}
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise PropertiesError(f"cannot read the Kafka settings {path}: {error.strerror}") from None
    settings = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(("#", "!")):
            continue
        name, separator, value = line.partition("=")
        if not separator:
            raise PropertiesError(f"{path}, line {number}: name=value is required")
        settings[name.strip()] = value.strip()
    return settings


def for_kafka_python(bootstrap_servers: str, settings: dict[str, str]) -> dict[str, Any]:
    """Returns keyword arguments for any client of kafka-python.

    Raises:
        PropertiesError: a truststore that kafka-python cannot read.
    """
    arguments: dict[str, Any] = {"bootstrap_servers": bootstrap_servers.split(",")}
    for java_name, python_name in _SAME_MEANING.items():
        if java_name in settings:
            value = settings[java_name]
            arguments[python_name] = int(value) if java_name.endswith(".ms") else value
    if arguments.get("ssl_cafile") and settings.get("ssl.truststore.type", "JKS") != "PEM":
        raise PropertiesError("ssl.truststore.type must be PEM, which both clients can read")
    if settings.get("ssl.endpoint.identification.algorithm") == "":
        arguments["ssl_check_hostname"] = False
    credentials = dict(_JAAS_FIELD.findall(settings.get("sasl.jaas.config", "")))
    if credentials:
        arguments["sasl_plain_username"] = credentials.get("username")
        arguments["sasl_plain_password"] = credentials.get("password")
    return arguments

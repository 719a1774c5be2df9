"""What do Java's client properties mean to kafka-python, with which checks and tools connect?"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transforms.contract import kafka_last_words
from transforms.contract.kafka_properties import PropertiesError, follow

_SAME_MEANING = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.kerberos.service.name": "sasl_kerberos_service_name",
    "ssl.key.password": "ssl_password",
    "client.id": "client_id",
}
# Read together with the setting that they belong to.
_SIDE_SETTINGS = {"ssl.truststore.type", "ssl.keystore.type", "ssl.truststore.password"}
_SECURITY = ("sasl.", "ssl.", "security.")
_JAAS_LOGIN = re.compile(r"\b(username|password)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")

Settings = Mapping[str, str]

kafka_last_words.keep()


def for_kafka_python(bootstrap_servers: str, settings: Settings) -> dict[str, Any]:
    """Returns keyword arguments for any client of kafka-python, secrets among them.

    Raises:
        PropertiesError: a reference leads nowhere, or a setting of security is not supported.
    """
    arguments: dict[str, Any] = {"bootstrap_servers": bootstrap_servers.split(",")}
    followed = follow(settings)
    for name, value in followed.items():
        if name in _SAME_MEANING:
            arguments[_SAME_MEANING[name]] = value
        elif name in _READERS:
            arguments |= _READERS[name](value, followed)
        elif name.startswith(_SECURITY) and name not in _SIDE_SETTINGS:
            # To leave out a setting of security would connect in another way than asked for.
            known = ", ".join(sorted((*_SAME_MEANING, *_READERS)))
            raise PropertiesError(f"{name} is not supported here. Supported: {known}")
    return arguments


def left_out(settings: Settings) -> list[str]:
    """Returns the names that are no part of a connection, a consumer's settings, say."""
    known = (*_SAME_MEANING, *_READERS)
    return [name for name in settings if name not in known and not name.startswith(_SECURITY)]


def _login(value: str, settings: Settings) -> dict[str, Any]:
    found = {name: re.sub(r"\\(.)", r"\1", text[1:-1]) for name, text in _JAAS_LOGIN.findall(value)}
    if set(found) != {"username", "password"}:
        # The value is a secret: the message must not repeat it.
        raise PropertiesError(
            'sasl.jaas.config must hold username="…" and password="…" (PLAIN and SCRAM are '
            "supported)"
        )
    return {
        "sasl_plain_username": found["username"],
        "sasl_plain_password": found["password"],
    }


def _truststore(value: str, settings: Settings) -> dict[str, Any]:
    return {"ssl_cafile": _pem("truststore", value, settings)}


def _keystore(value: str, settings: Settings) -> dict[str, Any]:
    # Java keeps the key and its certificates in one PEM file.
    file = _pem("keystore", value, settings)
    return {"ssl_certfile": file, "ssl_keyfile": file}


def _pem(store: str, value: str, settings: Settings) -> str:
    if settings.get(f"ssl.{store}.type", "JKS").upper() != "PEM":
        raise PropertiesError(
            f"ssl.{store}.location must be a PEM file, which every client can read, with "
            f"ssl.{store}.type=PEM. Hint: keytool -exportcert -rfc -keystore {value} -alias NAME"
        )
    if not Path(value).is_file():
        raise PropertiesError(f"ssl.{store}.location names no file: {value}")
    return value


def _certificates(value: str, settings: Settings) -> dict[str, Any]:
    try:
        return {"ssl_context": ssl.create_default_context(cadata=value)}
    except ssl.SSLError as error:
        raise PropertiesError(f"ssl.truststore.certificates: {error}") from None


def _host_check(value: str, settings: Settings) -> dict[str, Any]:
    return {"ssl_check_hostname": value.lower() == "https"}


def _timeout(value: str, settings: Settings) -> dict[str, Any]:
    if not value.isdecimal():
        raise PropertiesError("request.timeout.ms must be a number of milliseconds")
    return {"request_timeout_ms": int(value)}


_READERS: dict[str, Callable[[str, Settings], dict[str, Any]]] = {
    "sasl.jaas.config": _login,
    "ssl.truststore.location": _truststore,
    "ssl.truststore.certificates": _certificates,
    "ssl.keystore.location": _keystore,
    "ssl.endpoint.identification.algorithm": _host_check,
    "request.timeout.ms": _timeout,
}

"""Translates Java's client properties for kafka-python, with which checks and tools connect."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transforms.kafka import last_words as kafka_last_words
from transforms.kafka import settings as kafka_settings
from transforms.kafka.properties import PropertiesError, follow

_SAME_MEANING = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.kerberos.service.name": "sasl_kerberos_service_name",
    "ssl.key.password": "ssl_password",
    "client.id": "client_id",
}
# Read together with the setting that they belong to.
_SIDE_SETTINGS = {"ssl.truststore.type", "ssl.keystore.type"}
_SIDE_SETTINGS |= {"ssl.truststore.password", "ssl.keystore.password"}
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SECURITY = ("sasl.", "ssl.", "security.")
# A class, a flag of JAAS and the end, without which Java refuses the login.
_JAAS = re.compile(r"\s*[\w.$]+\s+(?:required|requisite|sufficient|optional)\b.*;\s*", re.DOTALL)
_JAAS_LOGIN = re.compile(r"\b(username|password)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")

_HOST_CHECK = "ssl.endpoint.identification.algorithm"

Settings = Mapping[str, str]

kafka_last_words.keep()


def for_kafka_python(bootstrap_servers: str, settings: Settings) -> dict[str, Any]:
    """Returns keyword arguments for any client of kafka-python, secrets among them.

    Raises:
        PropertiesError: a reference leads nowhere, or a setting of security is not supported.
    """
    arguments: dict[str, Any] = {"bootstrap_servers": bootstrap_servers.split(",")}
    followed = _checked(follow(settings))
    for name, value in followed.items():
        if name in _SAME_MEANING:
            arguments[_SAME_MEANING[name]] = value
        elif name in _READERS:
            arguments |= _READERS[name](value, followed)
        elif name.startswith(_SECURITY) and name not in _SIDE_SETTINGS:
            # To leave out a setting of security would connect in another way than asked for.
            known = ", ".join(sorted((*_SAME_MEANING, *_READERS)))
            raise PropertiesError(f"{name} is not supported here. Supported: {known}")
    _check_login(arguments)
    return arguments


def left_out(settings: Settings) -> list[str]:
    """Returns the names that are no part of a connection, a consumer's settings, say."""
    known = (*_SAME_MEANING, *_READERS)
    return [name for name in settings if name not in known and not name.startswith(_SECURITY)]


def _checked(settings: Settings) -> dict[str, str]:
    try:
        return kafka_settings.checked(settings)
    except kafka_settings.SettingError as error:
        raise PropertiesError(str(error)) from None


def _check_login(arguments: Mapping[str, Any]) -> None:
    """Raises PropertiesError where a login is asked for that kafka-python cannot make."""
    if not arguments.get("security_protocol", "PLAINTEXT").startswith("SASL"):
        return
    mechanism = arguments.get("sasl_mechanism")
    if mechanism not in _MECHANISMS:
        raise PropertiesError(
            f"sasl.mechanism must be one of {', '.join(_MECHANISMS)}, got {mechanism or 'none'}"
        )
    if "sasl_plain_password" not in arguments:
        raise PropertiesError(f"sasl.jaas.config is required for sasl.mechanism={mechanism}")


def _login(value: str, settings: Settings) -> dict[str, Any]:
    found = {name: re.sub(r"\\(.)", r"\1", text[1:-1]) for name, text in _JAAS_LOGIN.findall(value)}
    if set(found) != {"username", "password"}:
        # The value is a secret: the message must not repeat it.
        raise PropertiesError(
            'sasl.jaas.config must hold username="…" and password="…" (PLAIN and SCRAM are '
            "supported)"
        )
    if not _JAAS.fullmatch(value):
        raise PropertiesError(
            'sasl.jaas.config must be CLASS required username="…" password="…"; with a semicolon'
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
    if _type_of(store, settings) != "PEM":
        raise PropertiesError(
            f"ssl.{store}.location must be a PEM file, which every client can read, with "
            f"ssl.{store}.type=PEM. Hint: keytool -exportcert -rfc -keystore {value} -alias NAME"
        )
    if not Path(value).is_file():
        raise PropertiesError(f"ssl.{store}.location names no file: {value}")
    if f"ssl.{store}.password" in settings:
        # Java refuses it; a key in PEM may have one of its own.
        raise PropertiesError(f"ssl.{store}.password must not be given with ssl.{store}.type=PEM")
    return value


def _certificates(value: str, settings: Settings) -> dict[str, Any]:
    # A context is all that kafka-python looks at, so it has what the other settings say, too.
    if "ssl.truststore.location" in settings or _type_of("truststore", settings) != "PEM":
        raise PropertiesError(
            "ssl.truststore.certificates must stand without ssl.truststore.location, with "
            "ssl.truststore.type=PEM"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.get(_HOST_CHECK, "https") != ""
    try:
        context.load_verify_locations(cadata=value)
    except (ssl.SSLError, ValueError) as error:
        raise PropertiesError(f"ssl.truststore.certificates: {error}") from None
    if "ssl.keystore.location" in settings:
        file = _pem("keystore", settings["ssl.keystore.location"], settings)
        try:
            context.load_cert_chain(file, password=settings.get("ssl.key.password", ""))
        except (ssl.SSLError, OSError) as error:
            raise PropertiesError(f"ssl.keystore.location {file}: {error}") from None
    return {"ssl_context": context}


def _host_check(value: str, settings: Settings) -> dict[str, Any]:
    return {"ssl_check_hostname": value != ""}


def _type_of(store: str, settings: Settings) -> str:
    return settings.get(f"ssl.{store}.type", "JKS").upper()


def _timeout(value: str, settings: Settings) -> dict[str, Any]:
    if not value.isdecimal():
        raise PropertiesError("request.timeout.ms must be a number of milliseconds")
    return {"request_timeout_ms": int(value)}


_READERS: dict[str, Callable[[str, Settings], dict[str, Any]]] = {
    "sasl.jaas.config": _login,
    "ssl.truststore.location": _truststore,
    "ssl.truststore.certificates": _certificates,
    "ssl.keystore.location": _keystore,
    _HOST_CHECK: _host_check,
    "request.timeout.ms": _timeout,
}

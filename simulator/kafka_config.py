"""How does a Kafka client connect? Java's client properties, as kafka-python understands them.

One file serves the pipeline and the simulator, and keeps secrets off the command line.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from simulator.traffic import UsageError

_TEXT_KEYS = {
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.kerberos.service.name": "sasl_kerberos_service_name",
    "ssl.key.password": "ssl_password",
    "client.id": "client_id",
}
# Read together with the key that they belong to.
_SIDE_KEYS = {"ssl.truststore.type", "ssl.keystore.type", "ssl.truststore.password"}
_SECURITY = ("sasl.", "ssl.", "security.")
_JAAS_LOGIN = re.compile(r"\b(username|password)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')")


def read(path: Path, note: Callable[[str], None]) -> dict[str, Any]:
    """Returns the keyword arguments for kafka-python that the properties in `path` stand for.

    Properties that are no part of a connection (a consumer's, say) are left out, with a `note`.

    Raises:
        UsageError: the file cannot be read, or a security property is not supported.
    """
    try:
        properties = dict(_properties(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--kafka_config_file {path}: {error}") from None
    config: dict[str, Any] = {}
    for name, value in properties.items():
        if name in _TEXT_KEYS:
            config[_TEXT_KEYS[name]] = value
        elif name in _READERS:
            config |= _READERS[name](value, properties, path)
        elif name.startswith(_SECURITY) and name not in _SIDE_KEYS:
            # To leave out a setting of security would connect in another way than asked for.
            known = ", ".join(sorted((*_TEXT_KEYS, *_READERS)))
            raise UsageError(f"{path}: {name} is not supported here. Supported: {known}")
        elif name not in _SIDE_KEYS:
            note(f"{path}: {name} is left out: the simulator sets it itself or has no use for it")
    return config


def _properties(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"(?<!\\)\\\r?\n[ \t]*", "", text)  # a line that ends in \ goes on
    for line in map(str.strip, joined.splitlines()):
        if line and not line.startswith(("#", "!")):
            name, _, value = re.sub(r"\s*[=:\s]\s*", "\0", line, count=1).partition("\0")
            yield name, re.sub(r"\\(.)", _unescape, value)


def _unescape(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(match[1], match[1])


def _login(value: str, properties: dict[str, str], path: Path) -> dict[str, Any]:
    found = {name: re.sub(r"\\(.)", r"\1", text[1:-1]) for name, text in _JAAS_LOGIN.findall(value)}
    if set(found) != {"username", "password"}:
        # The value is a secret: the message must not repeat it.
        raise UsageError(
            f'{path}: sasl.jaas.config must hold username="…" and password="…" '
            "(PLAIN and SCRAM are supported)"
        )
    return {
        "sasl_plain_username": found["username"],
        "sasl_plain_password": found["password"],
    }


def _truststore(value: str, properties: dict[str, str], path: Path) -> dict[str, Any]:
    return {"ssl_cafile": _pem("truststore", value, properties, path)}


def _keystore(value: str, properties: dict[str, str], path: Path) -> dict[str, Any]:
    # Java keeps the key and its certificates in one PEM file.
    file = _pem("keystore", value, properties, path)
    return {"ssl_certfile": file, "ssl_keyfile": file}


def _pem(store: str, value: str, properties: dict[str, str], path: Path) -> str:
    if properties.get(f"ssl.{store}.type", "JKS").upper() != "PEM":
        raise UsageError(
            f"{path}: ssl.{store}.location must be a PEM file, with ssl.{store}.type=PEM. "
            f"Hint: keytool -exportcert -rfc -keystore {value} -alias NAME"
        )
    if not Path(value).is_file():
        raise UsageError(f"{path}: ssl.{store}.location names no file: {value}")
    return value


def _certificates(value: str, properties: dict[str, str], path: Path) -> dict[str, Any]:
    try:
        return {"ssl_context": ssl.create_default_context(cadata=value)}
    except ssl.SSLError as error:
        raise UsageError(f"{path}: ssl.truststore.certificates: {error}") from None


def _host_check(value: str, properties: dict[str, str], path: Path) -> dict[str, Any]:
    return {"ssl_check_hostname": value.lower() == "https"}


_READERS: dict[str, Callable[[str, dict[str, str], Path], dict[str, Any]]] = {
    "sasl.jaas.config": _login,
    "ssl.truststore.location": _truststore,
    "ssl.truststore.certificates": _certificates,
    "ssl.keystore.location": _keystore,
    "ssl.endpoint.identification.algorithm": _host_check,
}

"""The login of a schema registry: a file of properties, as Confluent's clients have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import requests

from payments import exit_codes
from payments.errors import OperatorError

_LINE = re.compile(r"([^=:#!\s]+)\s*[=:]\s*(.*)")
# Names of Confluent's Python and Java clients.
AUTH_NAMES = (
    "basic.auth.credentials.source",
    "basic.auth.user.info",
    "bearer.auth.credentials.source",
    "bearer.auth.token",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
)


# What we can do for a login; another word would be a connection without one.
_SOURCES = {
    "basic.auth.credentials.source": ("USER_INFO", "URL"),
    "bearer.auth.credentials.source": ("STATIC_TOKEN",),
}


class AuthError(OperatorError):
    """A file of credentials that cannot be used; the message holds no secret."""

    exit_code = exit_codes.USAGE


def auth_of(path: Path) -> dict[str, str]:
    """Returns the settings in a file of properties.

    Raises:
        AuthError: it cannot be read, or has a line or name that means nothing.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AuthError(f"{path}: cannot be read ({type(error).__name__})") from None
    settings = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip()[0] in "#!":
            continue
        match = _LINE.fullmatch(line.strip())
        # A token alone may end in padding: a name without a value is not shown.
        if not match or not match[2].strip("="):
            raise AuthError(f"{path}:{number}: must be NAME=VALUE")
        name = match[1].removeprefix("schema.registry.")
        if name not in AUTH_NAMES:
            known = ", ".join(AUTH_NAMES)
            raise AuthError(f"{path}:{number}: must be one of {known}, got {name[:60]!r}")
        sources = _SOURCES.get(name)
        if sources and match[2] not in sources:
            raise AuthError(f"{path}:{number}: {name} must be {' or '.join(sources)}")
        settings[name] = match[2]
    return settings


def session_of(auth: Mapping[str, str]) -> requests.Session:
    """Returns what asks with this login."""
    session = requests.Session()
    session.trust_env = False  # a .netrc or proxy of whoever started it is no setting of the job
    session.headers["Accept"] = "application/vnd.schemaregistry.v1+json, application/json"
    if "basic.auth.user.info" in auth:
        user, _, password = auth["basic.auth.user.info"].partition(":")
        # As bytes: requests would take Latin-1, and Confluent's clients take UTF-8.
        session.auth = requests.auth.HTTPBasicAuth(user.encode(), password.encode())
    if "bearer.auth.token" in auth:
        session.headers["Authorization"] = b"Bearer " + auth["bearer.auth.token"].encode()
    session.verify = auth.get("ssl.ca.location", True)
    if "ssl.certificate.location" in auth:
        certificate = auth["ssl.certificate.location"]
        key = auth.get("ssl.key.location")
        session.cert = (certificate, key) if key else certificate
    return session

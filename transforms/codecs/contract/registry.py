"""A schema registry over HTTP: Confluent's interface, which all registries have.

An id means the same schema for ever, so each is asked for once. Whoever cannot be asked makes no
dead letters: RegistryUnavailable says what to do, and the record is tried again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from transforms.codecs.contract.schema_source import RegistryUnavailable, WriterSchema, unknown

_TIMEOUT_SEC = (5.0, 15.0)
_ANSWER_BYTES_MAX = 4_194_304
_REFERENCES_MAX = 200
# An id may become known while records with it arrive; a flood of made-up ids must not be asked
# for one by one.
_UNKNOWN_SEC = 30.0
_UNKNOWN_MAX = 10_000
_NOT_FOUND = (40403, 40402, 40401)
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


class AuthError(ValueError):
    """A file of credentials that cannot be used; the message holds no secret."""


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
        if not match:
            raise AuthError(f"{path}:{number}: must be NAME=VALUE")
        name = match[1].removeprefix("schema.registry.")
        if name not in AUTH_NAMES:
            known = ", ".join(AUTH_NAMES)
            raise AuthError(f"{path}:{number}: must be one of {known}, got {name[:60]!r}")
        settings[name] = match[2]
    return settings


class HttpRegistry:
    """Asks a registry, once for each id."""

    def __init__(self, url: str, auth: Mapping[str, str] | None = None) -> None:
        self._url = url.rstrip("/")
        self._session = _session(auth or {})
        self._known: dict[int, WriterSchema] = {}
        self._unknown_until: dict[int, float] = {}

    def schema(self, schema_id: int) -> WriterSchema:
        """Returns the schema; see SchemaSource."""
        known = self._known.get(schema_id)
        if known is None:
            known = self._known[schema_id] = self._asked(schema_id)
        return known

    def _asked(self, schema_id: int) -> WriterSchema:
        if self._unknown_until.get(schema_id, 0.0) > time.monotonic():
            raise unknown(schema_id, _shown(self._url))
        answer = self._get(f"/schemas/ids/{schema_id}")
        if answer is None:
            if len(self._unknown_until) >= _UNKNOWN_MAX:
                self._unknown_until.clear()
            self._unknown_until[schema_id] = time.monotonic() + _UNKNOWN_SEC
            raise unknown(schema_id, _shown(self._url))
        texts: dict[tuple[str, int], str] = {}
        self._refer(answer, texts)
        kind = str(answer.get("schemaType", "AVRO"))
        return WriterSchema(self._text(answer), kind, tuple(texts.values()))

    def _refer(self, answer: Mapping[str, Any], texts: dict[tuple[str, int], str]) -> None:
        """Adds what a schema refers to: first what that refers to itself."""
        for reference in answer.get("references") or ():
            place = (str(reference["subject"]), int(reference["version"]))
            if place in texts:
                continue
            if len(texts) >= _REFERENCES_MAX:
                raise self._unavailable(f"more than {_REFERENCES_MAX} references of a schema")
            subject = quote(place[0], safe="")
            found = self._get(f"/subjects/{subject}/versions/{place[1]}?deleted=true")
            if found is None:
                raise self._unavailable(
                    f"it refers to {place[0]} version {place[1]}, which is missing there"
                )
            self._refer(found, texts)
            texts[place] = self._text(found)

    def _text(self, answer: Mapping[str, Any]) -> str:
        text = answer.get("schema")
        if not isinstance(text, str):
            raise self._unavailable("an answer without a schema")
        return text

    def _get(self, path: str) -> dict[str, Any] | None:
        """Returns the answer, None when the registry says that there is no such schema."""
        try:
            answer = self._session.get(
                self._url + path, timeout=_TIMEOUT_SEC, allow_redirects=False
            )
            body = answer.json() if len(answer.content) <= _ANSWER_BYTES_MAX else None
        except requests.RequestException as error:
            if not isinstance(error, requests.exceptions.JSONDecodeError):
                raise self._unavailable(_cause(error)) from None
            body = None
        code = body.get("error_code") if isinstance(body, dict) else None
        # Another 404 is that of a wrong address: it must not turn every record into a dead letter.
        if answer.status_code == requests.codes.not_found and code in _NOT_FOUND:
            return None
        if answer.status_code != requests.codes.ok or not isinstance(body, dict):
            raise self._unavailable(f"HTTP {answer.status_code}{_hint(answer.status_code)}")
        return body

    def _unavailable(self, what: str) -> RegistryUnavailable:
        return RegistryUnavailable(f"schema registry {_shown(self._url)}: {what}")


def _session(auth: Mapping[str, str]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a .netrc or proxy of whoever started it is no setting of the job
    session.headers["Accept"] = "application/vnd.schemaregistry.v1+json, application/json"
    if "basic.auth.user.info" in auth:
        user, _, password = auth["basic.auth.user.info"].partition(":")
        session.auth = (user, password)
    if "bearer.auth.token" in auth:
        session.headers["Authorization"] = f"Bearer {auth['bearer.auth.token']}"
    session.verify = auth.get("ssl.ca.location", True)
    if "ssl.certificate.location" in auth:
        certificate = auth["ssl.certificate.location"]
        key = auth.get("ssl.key.location")
        session.cert = (certificate, key) if key else certificate
    return session


def _cause(error: requests.RequestException) -> str:
    return f"{type(error).__name__}. Hint: is it running, and is this its address?"


def _hint(status: int) -> str:
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        return ". Hint: `schema.auth_file` has the login"
    if status == requests.codes.not_found:
        return ". Hint: is this the address of the registry itself, with its path?"
    return ""


def _shown(url: str) -> str:
    """Returns an address without a login that somebody may have written into it."""
    return re.sub(r"//[^/@]*@", "//", url)

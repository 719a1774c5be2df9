"""A schema registry over HTTP: Confluent's interface, which all registries have.

An id means the same schema for ever, so each is asked for once, however many threads of a process
need it. Whoever cannot be asked makes no dead letters: it is asked again for a while, and then
RegistryUnavailable ends the job.
"""

from __future__ import annotations

import concurrent.futures
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from transforms.codecs.contract.registry_login import AuthError, auth_of, session_of
from transforms.codecs.contract.schema_source import RegistryUnavailable, WriterSchema, unknown

# For how long a registry that is away is asked again. A bundle waits no longer, even for one that
# sends its answer byte by byte.
PATIENCE_SEC = 120.0
_TIMEOUT_SEC = (5.0, 15.0)
_PAUSE_SEC, _PAUSE_SEC_MAX = 0.5, 16.0
_ANSWER_BYTES_MAX = 4_194_304
_REFERENCES_MAX = 200
# An id may become known while records with it arrive; a flood of made-up ids must not be asked
# for one by one.
_UNKNOWN_SEC = 30.0
_UNKNOWN_MAX = 10_000
_NOT_FOUND = (40403, 40402, 40401)
_LOGIN = "`schema.auth_file`"
_HINTS = {
    requests.codes.unauthorized: f"{_LOGIN} has the login",
    requests.codes.forbidden: f"{_LOGIN} has the login",
    requests.codes.not_found: "is this the address of the registry itself, with its path?",
}

_log = logging.getLogger(__name__)


class HttpRegistry:
    """Asks a registry, once for each id.

    Args:
        url: its address.
        auth: the login, or the file of it: that is read again before each attempt, as logins end.
        patience_sec: for how long it is asked again.
    """

    def __init__(
        self,
        url: str,
        auth: Mapping[str, str] | Path | None = None,
        patience_sec: float = PATIENCE_SEC,
    ) -> None:
        self._url = url.rstrip("/")
        self._auth = auth or {}
        self._patience_sec = patience_sec
        self._known: dict[int, WriterSchema] = {}
        self._unknown_until: dict[int, float] = {}
        self._lock = threading.Lock()
        self._asking: dict[int, concurrent.futures.Future[WriterSchema | None]] = {}

    def __reduce__(self) -> tuple[Callable[..., HttpRegistry], tuple[object, ...]]:
        """Goes to a worker as where to ask, and how long: each process knows its own schemas."""
        if self._auth and not isinstance(self._auth, Path):
            raise TypeError("a login goes into no job: its file is required")
        path = str(self._auth) if self._auth else None
        return shared, (self._url, path, self._patience_sec)

    def schema(self, schema_id: int) -> WriterSchema:
        """Returns the schema; see SchemaSource."""
        known = self._known.get(schema_id)
        if known is not None:
            return known
        if self._unknown_until.get(schema_id, 0.0) > time.monotonic():
            raise unknown(schema_id, _shown(self._url))
        asking = self._question(schema_id)
        try:
            found = asking.result(self._patience_sec + sum(_TIMEOUT_SEC))
        except concurrent.futures.TimeoutError:
            raise self._unavailable("no whole answer", self._patience_sec) from None
        if found is None:
            raise unknown(schema_id, _shown(self._url))
        return found

    def _question(self, schema_id: int) -> concurrent.futures.Future[WriterSchema | None]:
        """Returns what is being asked for this id, asking it when nobody does."""
        with self._lock:
            asking = self._asking.get(schema_id)
            if asking is not None:
                return asking
            asking = concurrent.futures.Future()
            known = self._known.get(schema_id)
            if known is not None:  # since it was looked for
                asking.set_result(known)
                return asking
            self._asking[schema_id] = asking
        # A thread of its own: only so can those who wait give up on an answer that never ends.
        threading.Thread(target=self._answer, args=(schema_id, asking), daemon=True).start()
        return asking

    def _answer(
        self, schema_id: int, asking: concurrent.futures.Future[WriterSchema | None]
    ) -> None:
        try:
            found = self._patiently(schema_id)
        except BaseException as error:  # noqa: BLE001 - it is raised by those who wait
            with self._lock:
                del self._asking[schema_id]
            asking.set_exception(error)
            return
        with self._lock:
            if found is not None:
                self._known[schema_id] = found
            else:
                if len(self._unknown_until) >= _UNKNOWN_MAX:
                    self._unknown_until.clear()
                self._unknown_until[schema_id] = time.monotonic() + _UNKNOWN_SEC
            del self._asking[schema_id]
        asking.set_result(found)

    def _patiently(self, schema_id: int) -> WriterSchema | None:
        """Returns the schema, None for an unknown id, asking again while there is time."""
        began, pause_sec = time.monotonic(), _PAUSE_SEC
        while True:
            try:
                return self._asked(schema_id)
            except _NoAnswer as error:
                left_sec = began + self._patience_sec - time.monotonic()
                if left_sec <= 0:
                    raise self._unavailable(str(error), time.monotonic() - began) from None
                _log.warning("schema registry %s: %s; asking again", _shown(self._url), error)
            time.sleep(min(pause_sec, left_sec))
            pause_sec = min(2 * pause_sec, _PAUSE_SEC_MAX)

    def _asked(self, schema_id: int) -> WriterSchema | None:
        try:
            auth = auth_of(self._auth) if isinstance(self._auth, Path) else self._auth
            with session_of(auth) as session:
                return _Conversation(session, self._url).schema(schema_id)
        except AuthError as error:
            raise _NoAnswer(str(error)) from None
        except (LookupError, TypeError, ValueError, AttributeError):
            raise _NoAnswer("an answer that is none of a registry") from None

    def _unavailable(self, what: str, after_sec: float) -> RegistryUnavailable:
        tried = f" (asked again for {after_sec:.0f} s)" if after_sec >= 1 else ""
        return RegistryUnavailable(f"schema registry {_shown(self._url)}: {what}{tried}")


class _NoAnswer(Exception):
    """What came was no answer of a registry; the message says what to look at."""


class _Referred(NamedTuple):
    """A schema that another one refers to. Only Protobuf goes by names, and may give it two."""

    name: str
    subject: str
    version: int


class _Conversation:
    """The questions that one schema needs."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self._session = session
        self._url = url
        self._references = 0

    def schema(self, schema_id: int) -> WriterSchema | None:
        """Returns the schema with what it refers to, None for an unknown id."""
        answer = self._get(f"/schemas/ids/{schema_id}")
        if answer is None:
            return None
        kind = str(answer.get("schemaType", "AVRO"))
        texts: dict[_Referred, str] = {}
        self._refer(answer, kind, texts)
        names = tuple(each.name for each in texts)
        return WriterSchema(_text(answer), kind, tuple(texts.values()), names)

    def _refer(self, answer: Mapping[str, Any], kind: str, texts: dict[_Referred, str]) -> None:
        """Adds what a schema refers to: first what that refers to itself."""
        for reference in answer.get("references") or ():
            name = str(reference.get("name")) if kind == "PROTOBUF" else ""
            place = _Referred(name, str(reference["subject"]), int(reference["version"]))
            if place in texts:
                continue
            self._references += 1  # also those of a schema that refers to itself
            if self._references > _REFERENCES_MAX:
                raise _NoAnswer(f"more than {_REFERENCES_MAX} references of a schema")
            subject = quote(place.subject, safe="")
            found = self._get(f"/subjects/{subject}/versions/{place.version}?deleted=true")
            if found is None:
                raise _NoAnswer(
                    f"it refers to {place.subject} version {place.version}, which is missing there"
                )
            self._refer(found, kind, texts)
            texts[place] = _text(found)

    def _get(self, path: str) -> dict[str, Any] | None:
        """Returns the answer, None when the registry says that there is no such schema."""
        try:
            answer = self._session.get(
                self._url + path, timeout=_TIMEOUT_SEC, allow_redirects=False
            )
            body = answer.json() if len(answer.content) <= _ANSWER_BYTES_MAX else None
        except requests.RequestException as error:
            if not isinstance(error, requests.exceptions.JSONDecodeError):
                raise _NoAnswer(_cause(error)) from None
            body = None
        except OSError as error:  # a certificate or key that is not there
            raise _NoAnswer(f"{error}. Hint: see the ssl settings in `schema.auth_file`") from None
        code = body.get("error_code") if isinstance(body, dict) else None
        status = answer.status_code
        # Another 404 is that of a wrong address: it must not turn every record into a dead letter.
        if status == requests.codes.not_found and code in _NOT_FOUND:
            return None
        if status != requests.codes.ok or not isinstance(body, dict):
            hint = f". Hint: {_HINTS[status]}" if status in _HINTS else ""
            raise _NoAnswer(f"HTTP {status}{hint}")
        return body


def _text(answer: Mapping[str, Any]) -> str:
    text = answer.get("schema")
    if not isinstance(text, str):
        raise _NoAnswer("an answer without a schema")
    return text


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return "its certificate is not one that we trust. Hint: `ssl.ca.location` in " + _LOGIN
        return (
            f"TLS fails. Hint: does it want another certificate? The ssl settings are in {_LOGIN}"
        )
    return f"{type(error).__name__}. Hint: is it running, and is this its address?"


def _shown(url: str) -> str:
    """Returns an address without a login that somebody may have written into it."""
    return re.sub(r"//[^/@]*@", "//", url)


_shared: dict[tuple[str, str | None, float], HttpRegistry] = {}
_shared_lock = threading.Lock()


def shared(url: str, auth_file: str | None, patience_sec: float = PATIENCE_SEC) -> HttpRegistry:
    """Returns the one registry of this process for an address and a login.

    A worker has several threads, each with steps of its own: they ask for an id once.
    """
    with _shared_lock:
        found = _shared.get((url, auth_file, patience_sec))
        if found is None:
            found = HttpRegistry(url, Path(auth_file) if auth_file else None, patience_sec)
            _shared[url, auth_file, patience_sec] = found
        return found

"""Schemas of records in a registry: registered, and known by their ids."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import requests

from simulator.traffic import UsageError
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.registry_login import auth_of, session_of

_TIMEOUT_SEC = 10.0
_TYPES = {".avsc": "AVRO", ".json": "JSON", ".proto": "PROTOBUF"}


class Registered(NamedTuple):
    """A schema and the id that stands in front of what it has written."""

    schema_id: int
    text: str


def of_file(path: pathlib.Path) -> Registered:
    """Returns a schema whose file is named by its id, as 7.avsc; else 1."""
    schema_id = int(path.stem) if path.stem.isdecimal() else 1
    return Registered(schema_id, path.read_text("utf-8"))


def register(contract: Contract, topic: str, files: Sequence[pathlib.Path]) -> list[Registered]:
    """Returns the schemas of files, each with the id that the contract's registry gives to it.

    Raises:
        UsageError: the registry does not take one; the message says where and why.
    """
    url = (contract.schema.registry or "").rstrip("/")
    file = contract.schema.auth_file
    with session_of(auth_of(pathlib.Path(file)) if file else {}) as session:
        return [
            _registered(session, url, f"{topic}-value" if not at else f"{topic}-inner-{at}", file)
            for at, file in enumerate(files)
        ]


def _registered(
    session: requests.Session, url: str, subject: str, file: pathlib.Path
) -> Registered:
    text = file.read_text("utf-8")
    body = {"schema": text, "schemaType": _TYPES.get(file.suffix, "AVRO")}
    hint = "Hint: --schema_registry says another address; `sandbox up --registry` starts one"
    try:
        answer = session.post(
            f"{url}/subjects/{subject}/versions",
            json=body,
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
            timeout=_TIMEOUT_SEC,
        )
        found = answer.json() if answer.ok else {}
    except (requests.RequestException, ValueError) as error:
        what = type(error).__name__
        raise UsageError(f"schema registry {url} gives no answer ({what}). {hint}") from None
    if not isinstance(found, dict) or type(found.get("id")) is not int:
        raise UsageError(
            f"schema registry {url} must take {file.name} as {subject}, got HTTP "
            f"{answer.status_code}: {answer.text[:200]!r}. {hint}"
        )
    return Registered(found["id"], text)

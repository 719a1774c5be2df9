"""Samples of contracts: the records that are filled in."""

from __future__ import annotations

import base64
import pathlib
from collections.abc import Iterator
from typing import Any

import orjson

from simulator.contracts.encoder import Sample
from simulator.traffic import UsageError


def first_of(path: pathlib.Path) -> Sample:
    """Returns the first record of a sample file.

    Raises:
        UsageError: it holds none.
    """
    try:
        return next(records_of(path))
    except StopIteration:
        raise UsageError(f"{path} must hold a record, and is empty") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as samples: {error}") from None


def records_of(path: pathlib.Path) -> Iterator[Sample]:
    """Yields the records of a file: .records.ndjson, .b64, or JSON, one value or one a line."""
    raw = path.read_bytes()
    if ".records" in path.suffixes:
        for line in filter(bytes.strip, raw.splitlines()):
            yield _enveloped(orjson.loads(line))
    elif path.suffix in (".b64", ".base64"):
        for line in filter(bytes.strip, raw.splitlines()):
            yield Sample(base64.b64decode(line, validate=True))
    elif path.suffix == ".json":
        yield Sample(raw.strip())
    else:
        for line in filter(bytes.strip, raw.splitlines()):
            yield Sample(line)


def _enveloped(fields: dict[str, Any]) -> Sample:
    headers = tuple((k, str(v).encode()) for k, v in (fields.get("headers") or {}).items())
    value = fields.get("value")
    if "value_base64" in fields:
        return Sample(base64.b64decode(fields["value_base64"]), headers, _raw(fields.get("key")))
    return Sample(_raw(value), headers, _raw(fields.get("key")))


def _raw(value: Any) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else orjson.dumps(value)

"""Keeps dead letters in a folder for an editor: one file each, and a manifest.

    manifest.jsonl       place, file, key, headers and what else the payload alone does not say
    payments-2-4711.txt  the payload, byte for byte

A newline at the end of a changed file is not sent, unless the payload ended in one when it was
written here: editors add one where there is none.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import orjson

from operations.dead_letters.candidate import Candidate
from operations.dead_letters.letters import name_of, place_named, replay_of
from operations.errors import UsageError
from operations.reconcile.truth import Place
from transforms.payment import kept_headers
from transforms.payment.transaction import Headers

_MANIFEST = "manifest.jsonl"
RECEIPT = "receipt.jsonl"


class Sheet(NamedTuple):
    """One line of the manifest."""

    place: Place
    file: str
    key: bytes | None
    tombstone: bool  # an empty file means null, as long as it is empty
    digest: str  # of the payload as it was
    last: str  # its last character, where that is a line break
    headers: Headers = ()

    def payload(self, folder: Path) -> bytes | None:
        """Returns what the file holds."""
        found = (folder / self.file).read_bytes()
        if self.tombstone and not found:
            return None
        if _digest(found) == self.digest or self.last == "\n" or not found.endswith(b"\n"):
            return found
        found = found.removesuffix(b"\n")
        return found if self.last == "\r" else found.removesuffix(b"\r")


class Folder:
    """A folder of payloads. Every method raises UsageError when it is not as `edit` makes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Tells whether payloads were written here before."""
        return (self.path / _MANIFEST).exists()

    def write(self, candidates: Iterable[Candidate]) -> None:
        """Writes payloads, the manifest last: a folder without one was not finished."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lines = [self._write(candidate) for candidate in candidates]
            (self.path / _MANIFEST).write_bytes(b"".join(lines))
        except OSError as error:
            raise UsageError(f"cannot write to {self.path}: {error.strerror}") from None

    def sheets(self) -> list[Sheet]:
        """Returns the lines of the manifest."""
        try:
            lines = (self.path / _MANIFEST).read_bytes().splitlines()
            return [_sheet(line) for line in lines]
        except OSError as error:
            raise UsageError(
                f"{self.path / _MANIFEST}: {error.strerror}. Hint: `edit --folder` makes it"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self.path / _MANIFEST} is broken: {error}") from None

    def payload(self, sheet: Sheet) -> bytes | None:
        """Returns what would be sent for the letter."""
        try:
            return sheet.payload(self.path)
        except OSError as error:
            raise UsageError(f"{self.path / sheet.file}: {error.strerror}") from None

    def replace(self, sheet: Sheet, payload: bytes) -> None:
        """Changes a payload, whole or not at all."""
        file = self.path / sheet.file
        unfinished = file.with_suffix(".new")
        try:
            unfinished.write_bytes(payload)
            unfinished.replace(file)
        except OSError as error:
            raise UsageError(f"cannot write to {file}: {error.strerror}") from None

    def set_headers(self, sheet: Sheet, headers: Headers) -> None:
        """Changes the headers of a letter in the manifest, which is written whole or not at all."""
        path = self.path / _MANIFEST
        unfinished = path.with_suffix(".new")
        try:
            lines = []
            for line in path.read_bytes().splitlines():
                fields = orjson.loads(line)
                if place_named(fields["place"]) == sheet.place:
                    fields["headers"] = orjson.Fragment(kept_headers.packed(headers))
                lines.append(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
            unfinished.write_bytes(b"".join(lines))
            unfinished.replace(path)
        except OSError as error:
            raise UsageError(f"cannot write to {path}: {error.strerror}") from None

    def _write(self, candidate: Candidate) -> bytes:
        letter = candidate.letter
        file = f"{letter.topic}-{letter.partition}-{letter.offset}.txt"
        payload = candidate.payload or b""
        (self.path / file).write_bytes(payload)
        line = {
            "place": name_of(candidate.place),
            "file": file,
            "key": None if candidate.key is None else base64.b64encode(candidate.key).decode(),
            "headers": orjson.Fragment(kept_headers.packed(candidate.headers)),
            "tombstone": candidate.payload is None,
            "original_time_us": replay_of(letter).original_time_us,
            "reason": letter.reason,
            "detail": letter.detail,
            "sha256": _digest(payload),
            "last": {b"\n": "\n", b"\r": "\r"}.get(payload[-1:], ""),
        }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _sheet(line: bytes) -> Sheet:
    fields = orjson.loads(line)
    file = Path(fields["file"]).name  # never outside the folder
    key = None if fields["key"] is None else base64.b64decode(fields["key"], validate=True)
    place = place_named(fields["place"])
    # These two are missing in folders of older versions.
    last, headers = fields.get("last", ""), kept_headers.headers_of(fields.get("headers", []))
    return Sheet(place, file, key, fields["tombstone"] is True, fields["sha256"], last, headers)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()

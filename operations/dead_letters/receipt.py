"""The receipt of a send: a file that outlives an interruption, with one line per sent record."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import orjson

from operations.dead_letters.candidate import Candidate
from operations.dead_letters.letters import name_of, place_named
from operations.errors import UsageError
from operations.reconcile.truth import Place


class Receipt:
    """Acknowledged records, read when made, and appended to as they are acknowledged.

    A record that was acknowledged and is not here, since the process died in between, is found in
    Kafka itself (TopicReader.replays_since).

    Raises (when made):
        UsageError: the file cannot be read, or is no receipt.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sent: dict[Place, str] = {}
        for line in _whole_lines(path):
            try:
                fields = orjson.loads(line)
                self.sent[place_named(fields["place"])] = fields["sent_as"]
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{path} is no receipt: {error}") from None

    def require_writable(self) -> None:
        """Raises UsageError when no line could be added: to be known before anything is sent."""
        try:
            self._path.open("ab").close()
        except OSError as error:
            raise UsageError(f"cannot write the receipt {self._path}: {error.strerror}") from None

    def add(self, candidate: Candidate, sent_as: Place) -> None:
        """Writes one line.

        Raises:
            OSError: the disk is full, say.
        """
        line = {
            "place": name_of(candidate.place),
            "sent_as": name_of(sent_as),
            "sha256": hashlib.sha256(candidate.payload or b"").hexdigest(),
            "sent_at": dt.datetime.now(dt.UTC),
        }
        with self._path.open("ab") as file:
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self.sent[candidate.place] = name_of(sent_as)


def _whole_lines(path: Path) -> list[bytes]:
    """Returns the lines; drops a last one that a crash left without its end."""
    try:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            path.write_bytes(whole)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"cannot read the receipt {path}: {error.strerror}") from None
    return whole.splitlines()

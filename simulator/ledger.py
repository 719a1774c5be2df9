"""Writes the ledger, the simulator's truth: a JSON line for each sent record and its outcome."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import orjson

from simulator.send import Send
from transforms.codecs.wire_format import event_time_text
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome

log = logging.getLogger(__name__)


class LedgerError(Exception):
    """A ledger that cannot be read; the message names the file and the line."""


class LedgerEntry(NamedTuple):
    """One record sent, field for field as a line of the ledger."""

    n: int  # position in the order of sending, from 0
    topic: str
    partition: int
    offset: int | None  # None when the broker's acknowledgement never came
    key: str | None
    transaction_id: str | None  # None when none can be read, as all facts below
    account_id: str | None
    merchant_id: str | None
    amount_minor: int | None
    currency: str | None
    event_time: str | None
    expected: Outcome
    reason: Reason | None
    fault: str  # "none", "retry", "late", "conflict_amount", "invalid_not_json", …


def entry_of(
    n: int, topic: str, send: Send, offset: int | None, broker_time_ms: int | None = None
) -> LedgerEntry:
    """Returns the entry of record number `n`.

    Args:
        broker_time_ms: what the broker has stamped it with, None when it never said.
    """
    facts = send.facts
    if send.time_is_arrival and broker_time_ms is not None:
        facts = facts._replace(event_time=event_time_text(broker_time_ms * 1_000))
    return LedgerEntry(
        n,
        topic,
        send.partition,
        offset,
        None if send.key is None else send.key.decode(),
        *facts,
        send.expected,
        send.reason,
        send.fault,
    )


class LedgerWriter:
    """Writes entries as acknowledgements come in: in order within a partition, not across them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> LedgerWriter:
        self._file = self._path.open("wb", buffering=1 << 20)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, entry: LedgerEntry) -> None:
        """Writes one line; it reaches the disk at the next `flush`."""
        assert self._file is not None, "use the writer in a `with` block"
        # orjson writes an enum as its value.
        self._file.write(orjson.dumps(entry._asdict(), option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Hands all lines to the operating system: they outlive a killed simulator."""
        assert self._file is not None, "use the writer in a `with` block"
        self._file.flush()


def read(path: Path) -> Iterator[LedgerEntry]:
    """Yields the entries of a ledger.

    A last line cut short, by a simulator that was killed while writing, is left out and logged as
    a warning.

    Raises:
        LedgerError: the file cannot be opened, or a line is no entry.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        for number, line in enumerate(file, start=1):
            try:
                entry = _parse(line)
            except ValueError as error:
                if not line.endswith(b"\n"):  # only the last line can be without an end
                    log.warning("%s:%d: the last line is cut short and left out", path, number)
                    return
                raise LedgerError(f"{path}:{number}: {error}") from None
            yield entry


def _expected(text: str) -> Outcome:
    return Outcome(text)


def _parse(line: bytes) -> LedgerEntry:
    try:
        fields: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not a JSON line: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")
    try:
        fields["expected"] = _expected(fields["expected"])
        fields["reason"] = None if fields["reason"] is None else Reason(fields["reason"])
        return LedgerEntry(**{name: fields[name] for name in LedgerEntry._fields})
    except KeyError as error:
        raise ValueError(f"the field {error} is missing") from None

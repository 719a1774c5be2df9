"""Reads the simulator's ledger of what was sent: one JSON object per line, a line per record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from operations.errors import CannotCheck
from operations.reconcile.truth import Place
from transforms.payment.outcome import Outcome

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class SentFacts(NamedTuple):
    """What the sender knows of a payload; None where it cannot be read from it."""

    transaction_id: str | None
    account_id: str | None
    merchant_id: str | None
    amount_minor: int | None
    currency: str | None
    event_time_us: int | None


class LedgerEntry(NamedTuple):
    """One record sent."""

    topic: str
    partition: int
    offset: int | None  # None when the broker's acknowledgement never came
    key: bytes | None
    facts: SentFacts
    expected: Outcome
    reason: str | None  # of an invalid one

    @property
    def place(self) -> Place | None:
        """Returns where the record is, None when the sender was never told."""
        return None if self.offset is None else Place(self.topic, self.partition, self.offset)


class Ledger:
    """A ledger file, read line by line.

    Attributes:
        partial: whether its sender was killed, and then sent everything again, to a ledger that is
            whole: what is missing here must be in that one.
        cut_short: whether the last line was incomplete, known once all entries were taken: its
            sender was killed while writing, and may have sent more than it could write down.
    """

    def __init__(self, path: Path, partial: bool = False) -> None:
        self.path = path
        self.partial = partial
        self.cut_short = False

    def entries(self) -> Iterator[LedgerEntry]:
        """Yields the entries.

        Raises:
            CannotCheck: the file cannot be read, or a line other than the last is no entry.
        """
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise CannotCheck(f"cannot read the ledger {self.path}: {error.strerror}") from None
        with file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    self.cut_short = True
                    return
                try:
                    entry = entry_of(line)
                except (KeyError, TypeError, ValueError) as error:
                    raise CannotCheck(
                        f"{self.path}, line {number}, is no ledger entry: "
                        f"{type(error).__name__}: {error}"
                    ) from None
                yield entry


def entry_of(line: bytes) -> LedgerEntry:
    """Returns the entry in one line.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or is not what it must be.
    """
    fields: dict[str, Any] = orjson.loads(line)
    key, event_time = fields["key"], fields["event_time"]
    facts = SentFacts(
        fields["transaction_id"],
        fields["account_id"],
        fields["merchant_id"],
        fields["amount_minor"],
        fields["currency"],
        None if event_time is None else _micros(event_time),
    )
    return LedgerEntry(
        fields["topic"],
        int(fields["partition"]),
        None if fields["offset"] is None else int(fields["offset"]),
        None if key is None else key.encode(),
        facts,
        Outcome(fields["expected"]),
        fields["reason"],
    )


def _micros(text: str) -> int | None:
    """Returns microseconds since the epoch, None for no time: such a record is invalid."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - _EPOCH) // _MICROSECOND

"""A row of an outcome table, and what the tables say beside it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from operations.reconcile.truth import Place
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import PaymentFacts

# An amount is compared as it was received, in minor units.
FACTS = PaymentFacts._fields


# Rows of one moment become visible one after the other, at most a checkpoint and its retries apart.
# A record that has no row when others have that came so much later is not on its way any more.
SETTLED_US = 600_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Difference(NamedTuple):
    """A fact in which a record differs from the accepted one of its id."""

    fact: str
    value: Any
    accepted: Any

    def __str__(self) -> str:
        return f"{self.fact} {self.value}, accepted {self.accepted}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One record that is counted, as its outcome or as what is kept out.

    Attributes:
        cells: its columns; those that its table does not have are None.
    """

    outcome: Outcome
    cells: Mapping[str, Any]

    @property
    def place(self) -> Place:
        """Returns where the record is in Kafka."""
        return self._place("kafka")

    @property
    def first(self) -> Place | None:
        """Returns where the accepted record is that this one copies or contradicts."""
        return None if self.cells["first_topic"] is None else self._place("first")

    @property
    def replay_of(self) -> Place | None:
        """Returns which dead letter this record says it sends again."""
        return None if self.cells["replay_of_topic"] is None else self._place("replay_of")

    @property
    def arrived_at(self) -> dt.datetime:
        """Returns its arrival."""
        moment: dt.datetime = self.cells["broker_time"]
        return moment

    @property
    def transaction_id(self) -> str | None:
        """Returns its id; of a dead letter the one in its payload, as far as one can be read."""
        found: str | None = self.cells["transaction_id"]
        return found if self.outcome is not Outcome.INVALID else id_in(self.cells["payload"])

    def differences(self, accepted: Row) -> list[Difference]:
        """Returns the facts in which this record is not the accepted one."""
        return [
            Difference(fact, self.cells[fact], accepted.cells[fact])
            for fact in FACTS
            if self.cells[fact] != accepted.cells[fact]
        ]

    def _place(self, of: str) -> Place:
        names = (f"{of}_topic", f"{of}_partition", f"{of}_offset")
        return Place(*(self.cells[name] for name in names))


class Reach(NamedTuple):
    """How far the tables are with a partition.

    Attributes:
        end: one beyond the highest offset that has a row.
        newest: arrival of the newest record that has one.
    """

    end: int
    newest: dt.datetime


class Total(NamedTuple):
    """What a minute of event time holds by now, in one currency."""

    minute: dt.datetime
    currency: str
    payment_count: int
    amount: decimal.Decimal
    corrections: int


class Raised(NamedTuple):
    """An indicator of the fraud rules that a record raised."""

    indicator: str
    place: Place


def name_of(place: Place) -> str:
    """Returns the form in which the command takes a place."""
    return f"{place.topic}/{place.partition}/{place.offset}"


def micros(moment: dt.datetime) -> int:
    """Returns a moment in microseconds since the epoch."""
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)


def moment_of(moment_us: int) -> dt.datetime:
    """Returns the moment of microseconds since the epoch."""
    return _EPOCH + dt.timedelta(microseconds=moment_us)


def id_in(payload: bytes | None) -> str | None:
    """Returns the id in a payload, None when none can be read.

    Read more freely than the pipeline reads: what it refuses has an id all the same.
    """
    try:
        fields = orjson.loads(payload or b"")
    except orjson.JSONDecodeError:
        return None
    found = fields.get("transaction_id") if isinstance(fields, dict) else None
    return found if isinstance(found, str) else None

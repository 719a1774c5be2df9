"""Follows what was sent from the page, record by record, to the tables."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from console import job
from console.board import Board
from console.places import Places
from operations.errors import FlinkError
from operations.reconcile.truth import Place
from operations.trace import text
from operations.trace.found import Asked, State, Trace
from operations.trace.row import Row
from operations.trace.tables_side import TablesSide
from simulator.produce import Acknowledged
from transforms.payment.outcome import Outcome

_KEPT_MAX = 12
# Arrival is the broker's clock, what was sent is ours.
_BEFORE = dt.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True)
class Card:
    """What was sent by one click.

    Attributes:
        places: where the records are in Kafka.
        rows: what the tables hold of them.
        accepted: the accepted records that these copy or contradict.
        took_sec: from the click until the last of them was queryable; None while one waits.
        waits_for: the checkpoint that makes the others visible, as far as Flink tells.
    """

    number: int
    label: str
    transaction_id: str | None
    places: tuple[Place, ...]
    sent_at: dt.datetime
    began: float
    rows: tuple[Row, ...] = ()
    accepted: tuple[Row, ...] = ()
    took_sec: float | None = None
    waits_for: int | None = None

    @property
    def waiting(self) -> int:
        """Returns how many records are in no table."""
        return len(set(self.places) - {row.place for row in self.rows})

    @property
    def double(self) -> int:
        """Returns how many rows there are of a record that has one already."""
        return len(self.rows) - len({row.place for row in self.rows})

    @property
    def counts(self) -> dict[Outcome, int]:
        """Returns rows by outcome, of those that there are."""
        found = collections.Counter(row.outcome for row in self.rows)
        return {outcome: found[outcome] for outcome in Outcome if found[outcome]}

    @property
    def why(self) -> str:
        """Returns why the first record ended as it did."""
        if not self.rows:
            return ""
        row = min(self.rows, key=lambda each: self.places.index(each.place))
        asked = Asked(row.place, (row.place.topic,), 0, 0)
        return text.what(row, Trace(asked, State.COUNTED, (*self.rows, *self.accepted)))


class Cards:
    """The newest cards, and the thread that follows them."""

    def __init__(self, places: Places, board: Board) -> None:
        self._places = places
        self._board = board
        self._lock = threading.Lock()
        self._cards: collections.deque[Card] = collections.deque(maxlen=_KEPT_MAX)
        self._numbers = itertools.count(1)
        self.last_id: str | None = None

    def add(
        self, label: str, transaction_id: str, sent: Sequence[Acknowledged], began: float
    ) -> Card:
        """Adds a card for records that Kafka has acknowledged."""
        topic = self._places.topic
        places = tuple(
            Place(topic, each.send.partition, each.offset)
            for each in sent
            if each.offset is not None
        )
        number = next(self._numbers)
        card = Card(number, label, transaction_id, places, dt.datetime.now(dt.UTC), began)
        with self._lock:
            self._cards.appendleft(card)
        self._board.touch()
        return card

    @property
    def all(self) -> list[Card]:
        """Returns the cards, the newest first."""
        with self._lock:
            return list(self._cards)

    def follow(self) -> None:
        """Looks once at what became of all of them. Raises CannotCheck."""
        cards = self.all
        if not cards:
            return
        tables = TablesSide(self._places.dataset)
        since = min(card.sent_at for card in cards) - _BEFORE
        # One question for all: a storm has a hundred places.
        rows = tables.at([place for card in cards for place in card.places], since)
        firsts = [row for row in rows if row.first is not None]
        accepted = tables.at([row.first for row in firsts if row.first], _earliest(firsts, since))
        checkpoint = self._checkpoint() if any(card.waiting for card in cards) else None
        changed = [_looked_at(card, rows, accepted, checkpoint) for card in cards]
        self._keep(changed)
        if changed != cards or any(card.waiting for card in changed):
            self._board.touch()

    def _keep(self, changed: Iterable[Card]) -> None:
        by_number = {card.number: card for card in changed}
        with self._lock:
            kept = [by_number.get(card.number, card) for card in self._cards]
            self._cards.clear()
            self._cards.extend(kept)

    def _checkpoint(self) -> int | None:
        """Returns the number of the checkpoint that is waited for."""
        address = self._places.flink
        found = job.living(address, self._places.flink_job)
        if address is None or found is None:
            return None
        try:
            return (job.progress(address, found.job_id).checkpoint or 0) + 1
        except FlinkError:
            return None


def _looked_at(
    card: Card,
    rows: Sequence[Row],
    accepted: Sequence[Row],
    checkpoint: int | None,
    clock: Callable[[], float] = time.monotonic,
) -> Card:
    own = tuple(row for row in rows if row.place in card.places)
    firsts = {row.first for row in own}
    changed = dataclasses.replace(
        card,
        rows=own,
        accepted=tuple(row for row in accepted if row.place in firsts),
        waits_for=checkpoint,
    )
    took_sec = card.took_sec
    if took_sec is None and not changed.waiting:
        took_sec = clock() - card.began
    return dataclasses.replace(changed, took_sec=took_sec)


def _earliest(rows: Sequence[Row], since: dt.datetime) -> dt.datetime:
    moments: list[dt.datetime] = [
        row.cells["first_broker_time"] for row in rows if row.cells["first_broker_time"]
    ]
    return min([*moments, since])

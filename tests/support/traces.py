"""Tables and topics for traces, kept in memory, and what was asked of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from operations.reconcile.truth import Place
from operations.runs.run import Run
from operations.trace.row import Raised, Reach, Row, Total, moment_of
from operations.trace.tables_side import COLUMNS
from operations.trace.topic_side import Held, Looked, Scan, has_id
from tests.support.payments import SECOND_US, transaction
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import KafkaRecord

START_US = transaction().broker_time_us  # as all payments of tests arrive
LONG_AGO = moment_of(START_US - 7 * 86_400 * SECOND_US)


def place(offset: int, partition: int = 0) -> Place:
    return Place("payments", partition, offset)


def row(
    outcome: Outcome,
    offset: int,
    after_sec: int = 0,
    first: Row | None = None,
    replay_of: Row | None = None,
    **changes: Any,
) -> Row:
    """Returns the row of a valid payment, or of a dead letter, by when it arrived."""
    arrived = moment_of(START_US + after_sec * SECOND_US)
    cells: dict[str, Any] = dict.fromkeys(COLUMNS)
    cells |= {"kafka_topic": "payments", "kafka_partition": 0, "kafka_offset": offset}
    cells |= {"broker_time": arrived, "ingested_at": arrived, "pipeline_version": "1"}
    if outcome is Outcome.INVALID:
        cells |= {"reason": "unknown_currency", "detail": "EURO", "step": "ValidateTransaction"}
    else:
        cells |= {"transaction_id": "tx-1", "account_id": "acc-1", "merchant_id": "shop-1"}
        cells |= {"amount_minor": 1250, "amount": Decimal("12.5"), "currency": "EUR"}
        cells |= {"payment_type": "purchase", "event_time": moment_of(START_US)}
    for prefix, named in (("first", first), ("replay_of", replay_of)):
        if named is not None:
            names = ("topic", "partition", "offset")
            cells |= {
                f"{prefix}_{name}": value for name, value in zip(names, named.place, strict=True)
            }
    if first is not None:
        cells["first_broker_time"] = first.arrived_at
    if replay_of is not None:
        cells["original_time"] = replay_of.arrived_at
    return Row(outcome, cells | changes)


@dataclasses.dataclass
class FakeTables:
    """As TablesSide; `asked` has each question's name and from when on it looks."""

    rows: Sequence[Row] = ()
    total: Sequence[Total] = ()
    raised: Sequence[Raised] = ()
    run: Run | None = None
    skipped: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    asked: list[tuple[str, dt.datetime]] = dataclasses.field(default_factory=list)

    def _since(self, question: str, since: dt.datetime) -> list[Row]:
        self.asked.append((question, since))
        return [row for row in self.rows if row.arrived_at >= since]

    def reach(self, topics: Sequence[str], since: dt.datetime) -> dict[tuple[str, int], Reach]:
        found: dict[tuple[str, int], Reach] = {}
        for each in self._since("reach", since):
            pair = each.place[:2]
            known = found.get(pair, Reach(0, each.arrived_at))
            end, newest = each.place.offset + 1, each.arrived_at
            found[pair] = Reach(max(end, known.end), max(newest, known.newest))
        return found

    def of_id(self, transaction_id: str, since: dt.datetime) -> list[Row]:
        rows = self._since("of_id", since)
        return [each for each in rows if each.transaction_id == transaction_id]

    def at(self, places: Iterable[Place], since: dt.datetime) -> list[Row]:
        wanted = set(places)
        return [each for each in self._since("at", since) if each.place in wanted]

    def skipped_at(self, place: Place, since: dt.datetime) -> dict[str, bool]:
        return dict(self.skipped)

    def replays_of(self, places: Iterable[Place], since: dt.datetime) -> list[Row]:
        wanted = set(places)
        return [each for each in self._since("replays_of", since) if each.replay_of in wanted]

    def indicators(self, places: Iterable[Place], since: dt.datetime) -> list[Raised]:
        wanted = set(places)
        return [each for each in self.raised if each.place in wanted]

    def totals(self, minutes: Iterable[tuple[dt.datetime, str]]) -> list[Total]:
        wanted = set(minutes)
        return [each for each in self.total if (each.minute, each.currency) in wanted]

    def holder(self) -> Run | None:
        return self.run


@dataclasses.dataclass
class FakeTopic:
    """As TopicSide, of one partition."""

    records: Sequence[KafkaRecord] = ()
    start: int = 0
    end: int = 100
    uncommitted_end: int = 100
    left_out: int = 0
    problem: Exception | None = None

    def look(self, at: Place) -> Looked:
        if self.problem is not None:
            raise self.problem
        if at.topic != "payments":
            return Looked(Held.NO_TOPIC)
        if at.partition != 0:
            return Looked(Held.NO_PARTITION, end=1)
        if at.offset < self.start:
            return Looked(Held.REMOVED, None, self.start, self.end)
        if at.offset >= self.end:
            held = Held.UNCOMMITTED if at.offset < self.uncommitted_end else Held.BEYOND
            return Looked(held, None, self.start, self.uncommitted_end)
        found = [each for each in self.records if each.offset == at.offset]
        held = Held.RECORD if found else Held.NOTHING
        return Looked(held, found[0] if found else None, self.start, self.end)

    def of_id(self, transaction_id: str, *arguments: object) -> Scan:
        if self.problem is not None:
            raise self.problem
        found = [each for each in self.records if has_id(each, transaction_id)]
        return Scan(tuple(found), self.left_out)

"""Checks that each record ended as its sender meant it to: the ledger against Kafka and tables."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from operations.reconcile.checks import Check, Tally
from operations.reconcile.copies import Copies
from operations.reconcile.ledger import Ledger, LedgerEntry, SentFacts
from operations.reconcile.one_id import unexpected
from operations.reconcile.plain_values import digest
from operations.reconcile.sorted_runs import SortedRuns
from operations.reconcile.truth import (
    Entry,
    Invalid,
    Place,
    PlaceKey,
    Reach,
    Skipped,
    Truth,
)
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction

_BY_DEDUPLICATE = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT)
# Records that say the same, in the order in which they are looked at: one that a ledger names which
# is whole, sends that were never acknowledged, records that no ledger names.
_WHOLE, _UNACKNOWLEDGED, _UNNAMED = range(3)


class _Sent(NamedTuple):
    """What a ledger says of the record at one place."""

    facts: SentFacts
    expected: Outcome
    reason: str | None
    partial: bool


class LedgerFinding(NamedTuple):
    """What the ledgers show.

    Attributes:
        checks: `ledger in Kafka` and `ledger outcomes`.
        notes: what is no failure, for a human.
    """

    checks: tuple[Check, Check]
    notes: tuple[str, ...]


class LedgerAudit:
    """Compares every entry of every ledger, place by place and then by what the records say.

    Attributes:
        sent: acknowledged entries within reach, by place.
        outcomes: failures of `ledger outcomes`.
    """

    def __init__(self, truth: Truth, copies: Copies, ledgers: Iterable[Ledger]) -> None:
        """Reads the ledgers: files that together name everything in the topics.

        Raises:
            CannotCheck: a ledger cannot be read to its end.
        """
        self._truth = truth
        self._copies = copies
        self.sent: SortedRuns[PlaceKey] = SortedRuns()
        self.outcomes = Tally()
        self._in_kafka = Tally()
        self._alike: SortedRuns[tuple[str, int]] = SortedRuns()
        self._outside: collections.Counter[Reach] = collections.Counter()
        self._entries = self._unacknowledged = self._unwritten = 0
        self._unnamed = self._excused = self._cut_short = 0
        self._partial = False
        for ledger in ledgers:
            for entry in ledger.entries():
                self._take(entry, ledger.partial)
            # A partial ledger excuses nothing that the whole one does not name.
            self._cut_short += ledger.cut_short and not ledger.partial

    def _take(self, sent: LedgerEntry, partial: bool) -> None:
        self._entries += 1
        place = sent.place
        if place is None:
            self._unacknowledged += 1
            value = (sent.facts.transaction_id, sent.expected.value)
            self._alike.add((_sent_identity(sent), _UNACKNOWLEDGED), value)
            return
        self._partial |= partial
        reach = self._truth.reach(place)
        key = self._truth.key(place)
        if reach is Reach.CHECKED and key is not None:
            self.sent.add(key, (tuple(sent.facts), sent.expected.value, sent.reason, partial))
        elif reach is Reach.NOWHERE:
            self._not_there(place)
        else:
            self._outside[reach] += 1

    def _not_there(self, place: Place) -> None:
        self._in_kafka.add(f"{place} was acknowledged, but Kafka holds no record there")

    def place(
        self,
        key: PlaceKey,
        entry: Entry | None,
        outcome: Outcome | None,
        sent: Sequence[tuple[Any, ...]],
    ) -> None:
        """Compares what the ledgers say of one place with the record there, and its outcome."""
        told = [_Sent(SentFacts(*each[0]), Outcome(each[1]), *each[2:]) for each in sent]
        if entry is None:
            for _ in told:
                self._not_there(self._truth.place(key))
            return
        for number, each in enumerate(told):
            if number:
                self._in_kafka.add(f"{entry.place} is named twice by the ledger")
            self._compare(key, entry, outcome, each)
        of_killed = any(each.partial for each in told)
        if of_killed and isinstance(entry.content, Transaction):
            self._copies.add_reordered(entry.content.transaction_id)
        if not told:
            record = entry.content
            transaction_id = record.transaction_id if isinstance(record, Transaction) else None
            value = (*key, transaction_id, outcome and outcome.value)
            self._alike.add((_identity(entry), _UNNAMED), value)
        elif self._partial and not of_killed:
            self._alike.add((_identity(entry), _WHOLE), ())

    def _compare(self, key: PlaceKey, entry: Entry, outcome: Outcome | None, sent: _Sent) -> None:
        record = entry.content
        if isinstance(record, Transaction) and _facts(record) != sent.facts:
            self._in_kafka.add(f"{entry.place}: sent {sent.facts}, Kafka holds {_facts(record)}")
        transaction_id = record.transaction_id if isinstance(record, Transaction) else None
        as_expected = self._expected(key, transaction_id, outcome, sent.expected)
        if as_expected and isinstance(record, Invalid) and record.reason != sent.reason:
            # The row's reason equals the one recomputed from Kafka, or `outcomes` fails.
            self.outcomes.add(f"{entry.place} must be {sent.reason}, is {record.reason}")

    def _expected(
        self,
        key: PlaceKey,
        transaction_id: str | None,
        outcome: Outcome | None,
        expected: Outcome,
    ) -> bool:
        """Returns whether a record ended as expected; what did not is told, or judged by its id."""
        if outcome is None:
            return False  # missing: told by the comparison by offset
        if outcome is expected:
            return True
        deduplicated = outcome in _BY_DEDUPLICATE and expected in _BY_DEDUPLICATE
        if deduplicated and transaction_id is not None:
            self._copies.add_unexpected(key, transaction_id, outcome, expected)
        else:
            place = self._truth.place(key)
            self.outcomes.add(unexpected(place, outcome.value, expected.value))
        return False

    def match_alike(self) -> None:
        """Matches what no place could: unacknowledged sends, and records of killed senders."""
        self.sent.close()
        for _, alike in itertools.groupby(self._alike, key=lambda item: item[0][0]):
            self._match(((kind, value) for (_, kind), value in alike))
        self._alike.close()

    def _match(self, alike: Iterator[tuple[int, Any]]) -> None:
        """Takes all records and sends that say the same."""
        waiting: collections.deque[tuple[str | None, str]] = collections.deque()
        whole = False
        for kind, value in alike:
            if kind == _WHOLE:
                whole = True
            elif kind == _UNACKNOWLEDGED:
                waiting.append(value)
            else:
                *key, transaction_id, outcome = value
                at = (key[0], key[1])
                if waiting:
                    whole = True
                    _, expected = waiting.popleft()
                    found = None if outcome is None else Outcome(outcome)
                    self._expected(at, transaction_id, found, Outcome(expected))
                elif whole and self._partial:
                    self._excuse(transaction_id)
                else:
                    self._tell_unnamed(self._truth.place(at))
        self._unwritten += len(waiting)
        for transaction_id, _ in waiting:
            if transaction_id is not None:
                self._copies.add_reordered(transaction_id)

    def _excuse(self, transaction_id: str | None) -> None:
        """Takes a record that a killed sender did not write down, and another sent once more.

        Its first copy is not the one that the whole ledger calls so.
        """
        self._excused += 1
        if transaction_id is not None:
            self._copies.add_reordered(transaction_id)

    def _tell_unnamed(self, place: Place) -> None:
        self._unnamed += 1
        if not self._cut_short:
            self._in_kafka.add(f"{place} is in Kafka, but in no ledger")

    def finish(self, swapped: int) -> LedgerFinding:
        """Returns the result, once every id was judged (copies.py)."""
        numbers = f"{self._entries} entries"
        checks = (
            self._in_kafka.check("ledger in Kafka", f"{numbers}, {self._unnamed} unnamed records"),
            self.outcomes.check("ledger outcomes", f"{numbers}, {swapped} swapped"),
        )
        return LedgerFinding(checks, tuple(self._notes(swapped)))

    def _notes(self, swapped: int) -> Iterator[str]:
        if swapped:
            yield f"{swapped} records changed places with a copy, legally"
        if self._cut_short:
            yield (
                f"{self._cut_short} ledgers end in an incomplete line; {self._unnamed} records in "
                "Kafka are in no ledger"
            )
        if self._excused:
            yield (
                f"{self._excused} records of a killed sender are in no ledger; sent again, they are"
            )
        if self._unacknowledged:
            yield (
                f"{self._unacknowledged} sends were never acknowledged: "
                f"{self._unacknowledged - self._unwritten} are in Kafka, {self._unwritten} not"
            )
        for reach, count in self._outside.items():
            yield f"{count} ledger entries are not checked: {reach.value}"


def _facts(record: Transaction) -> SentFacts:
    return SentFacts(
        record.transaction_id,
        record.account_id,
        record.merchant_id,
        record.amount_minor,
        record.currency,
        record.event_time_us,
    )


def _identity(entry: Entry) -> str:
    """Returns topic, partition, and what the record says: of one whose offset is not known."""
    place, record = entry.place, entry.content
    if isinstance(record, Invalid):
        return repr((place.topic, place.partition, record.key, record.reason))
    if isinstance(record, Skipped):  # nothing is read of it
        return repr((place.topic, place.partition, Outcome.SKIPPED.value))
    return repr((place.topic, place.partition, tuple(_facts(record))))


def _sent_identity(sent: LedgerEntry) -> str:
    if sent.expected is Outcome.INVALID:
        return repr((sent.topic, sent.partition, digest(sent.key), sent.reason))
    if sent.expected is Outcome.SKIPPED:
        return repr((sent.topic, sent.partition, Outcome.SKIPPED.value))
    return repr((sent.topic, sent.partition, tuple(sent.facts)))

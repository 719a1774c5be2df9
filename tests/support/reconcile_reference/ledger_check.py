"""Checks that each record ended as its sender meant it to: the ledger against Kafka and tables."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Set
from typing import NamedTuple

from operations.reconcile.checks import Check, Tally
from operations.reconcile.ledger import Ledger, LedgerEntry, SentFacts
from operations.reconcile.truth import Place, Reach
from tests.support.reconcile_reference.truth import Entry, Invalid, Truth
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction

_BY_DEDUPLICATE = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT)

# What identifies a record whose offset is not known: topic, partition, and what it says.
_Identity = tuple[object, ...]


class LedgerFinding(NamedTuple):
    """What the ledgers show.

    Attributes:
        checks: `ledger in Kafka` and `ledger outcomes`.
        swapped: records that changed places with a copy, as the order of partitions allows.
        notes: what is no failure, for a human.
    """

    checks: tuple[Check, Check]
    swapped: int
    notes: tuple[str, ...]


def check_ledgers(truth: Truth, ledgers: Iterable[Ledger], wrong_ids: Set[str]) -> LedgerFinding:
    """Compares every entry of every ledger.

    Args:
        truth: all records, their outcomes already found.
        ledgers: files that together name everything in the topics.
        wrong_ids: ids whose outcomes no reading order can lead to (copies.py).
    """
    audit = _Audit(truth, wrong_ids)
    cut_short = 0
    for ledger in ledgers:
        for entry in ledger.entries():
            audit.take(entry, ledger.partial)
        # A partial ledger excuses nothing that the whole one does not name.
        cut_short += ledger.cut_short and not ledger.partial
    return audit.finish(cut_short)


class _Audit:
    def __init__(self, truth: Truth, wrong_ids: Set[str]) -> None:
        self._truth = truth
        self._wrong_ids = wrong_ids
        self._in_kafka = Tally()
        self._outcomes = Tally()
        self._entries = 0
        self._outside: collections.Counter[Reach] = collections.Counter()
        self._unacknowledged: list[LedgerEntry] = []
        self._partial_places: set[Place] = set()
        self._excused = 0
        # Records that are not what the ledger says, by id: judged when all entries are known.
        self._otherwise: dict[str, list[tuple[Entry, Outcome]]] = {}

    def take(self, sent: LedgerEntry, partial: bool) -> None:
        """Compares one entry."""
        self._entries += 1
        place = sent.place
        if place is None:
            self._unacknowledged.append(sent)
            return
        if partial:
            self._partial_places.add(place)
        entry = self._truth.find(place)
        if entry is not None:
            if entry.in_ledger:
                self._in_kafka.add(f"{place} is named twice by the ledger")
            self._compare(sent, entry)
            return
        reach = self._truth.reach(place)
        if reach in (Reach.CHECKED, Reach.NOWHERE):
            self._in_kafka.add(f"{place} was acknowledged, but Kafka holds no record there")
        else:
            self._outside[reach] += 1

    def _compare(self, sent: LedgerEntry, entry: Entry) -> None:
        entry.in_ledger = True
        record = entry.content
        if isinstance(record, Transaction) and _facts(record) != sent.facts:
            self._in_kafka.add(f"{entry.place}: sent {sent.facts}, Kafka holds {_facts(record)}")
        if entry.outcome is None:
            return  # missing: told by the comparison by offset
        if entry.outcome is not sent.expected:
            deduplicated = entry.outcome in _BY_DEDUPLICATE and sent.expected in _BY_DEDUPLICATE
            if deduplicated and isinstance(record, Transaction):
                pair = (entry, sent.expected)
                self._otherwise.setdefault(record.transaction_id, []).append(pair)
            else:
                self._outcomes.add(_otherwise(entry, sent.expected))
        elif isinstance(record, Invalid) and record.reason != sent.reason:
            # The row's reason equals the one recomputed from Kafka, or check `outcomes` fails.
            self._outcomes.add(f"{entry.place} must be {sent.reason}, is {record.reason}")

    def finish(self, cut_short: int) -> LedgerFinding:
        """Returns the result once every entry was taken."""
        unwritten = self._match_unacknowledged()
        strangers = [entry for entry in self._truth.entries() if not entry.in_ledger]
        strangers, resent = self._sent_again(strangers)
        if not cut_short:
            for entry in strangers:
                self._in_kafka.add(f"{entry.place} is in Kafka, but in no ledger")
        swapped = self._judge_otherwise({sent.facts.transaction_id for sent in unwritten} | resent)
        notes = [f"{swapped} records changed places with a copy, legally"] if swapped else []
        if cut_short:
            notes.append(
                f"{cut_short} ledgers end in an incomplete line; {len(strangers)} records in Kafka "
                "are in no ledger"
            )
        if self._excused:
            notes.append(
                f"{self._excused} records of a killed sender are in no ledger; sent again, they are"
            )
        if self._unacknowledged:
            notes.append(
                f"{len(self._unacknowledged)} sends were never acknowledged: "
                f"{len(self._unacknowledged) - len(unwritten)} are in Kafka, {len(unwritten)} not"
            )
        notes += [
            f"{count} ledger entries are not checked: {reach.value}"
            for reach, count in self._outside.items()
        ]
        numbers = f"{self._entries} entries"
        checks = (
            self._in_kafka.check("ledger in Kafka", f"{numbers}, {len(strangers)} unnamed records"),
            self._outcomes.check("ledger outcomes", f"{numbers}, {swapped} swapped"),
        )
        return LedgerFinding(checks, swapped, tuple(notes))

    def _sent_again(self, strangers: list[Entry]) -> tuple[list[Entry], set[str | None]]:
        """Excuses records that a killed sender did not write down, and another sent once more.

        Returns:
            The records that are not excused, and the ids that a killed sender may have sent: their
            first copy is not the one that the whole ledger calls so.
        """
        if not self._partial_places:
            return strangers, set()
        whole = {
            _identity(entry)
            for entry in self._truth.entries()
            if entry.in_ledger and entry.place not in self._partial_places
        }
        excused = {entry.place for entry in strangers if _identity(entry) in whole}
        killed = self._partial_places | excused
        ids = {
            entry.content.transaction_id
            for entry in self._truth.entries()
            if entry.place in killed and isinstance(entry.content, Transaction)
        }
        self._excused = len(excused)
        return [entry for entry in strangers if entry.place not in excused], set(ids)

    def _match_unacknowledged(self) -> list[LedgerEntry]:
        """Finds unacknowledged sends by what they say; returns those that are not in Kafka."""
        if not self._unacknowledged:
            return []
        unnamed: dict[_Identity, list[Entry]] = {}
        for entry in self._truth.entries():
            if not entry.in_ledger:
                unnamed.setdefault(_identity(entry), []).append(entry)
        unwritten = []
        for sent in self._unacknowledged:
            alike = unnamed.get(_sent_identity(sent))
            if alike:
                self._compare(sent, alike.pop(0))
            else:
                unwritten.append(sent)
        return unwritten

    def _judge_otherwise(self, reordered_ids: Set[str | None]) -> int:
        """Tells legal swaps from wrong outcomes; returns how many records swapped.

        The whole group must be legal, and there must be a reason for another order than that of
        sending: copies in several partitions, a copy that was never written, or one that a killed
        sender wrote before.
        """
        if not self._otherwise:
            return 0
        copies = self._truth.copies_by_id()
        swapped = 0
        for transaction_id, pairs in self._otherwise.items():
            partitions = {entry.place[:2] for entry in copies.get(transaction_id, ())}
            reason = len(partitions) > 1 or transaction_id in reordered_ids
            if reason and transaction_id not in self._wrong_ids:
                swapped += len(pairs)
                continue
            for entry, expected in pairs:
                self._outcomes.add(_otherwise(entry, expected))
        return swapped


def _otherwise(entry: Entry, expected: Outcome) -> str:
    assert entry.outcome is not None
    return f"{entry.place} must be {expected.value} by the ledger, is {entry.outcome.value}"


def _facts(record: Transaction) -> SentFacts:
    return SentFacts(
        record.transaction_id,
        record.account_id,
        record.merchant_id,
        record.amount_minor,
        record.currency,
        record.event_time_us,
    )


def _identity(entry: Entry) -> _Identity:
    place, record = entry.place, entry.content
    if isinstance(record, Invalid):
        return (place.topic, place.partition, record.key, record.reason)
    return (place.topic, place.partition, _facts(record))


def _sent_identity(sent: LedgerEntry) -> _Identity:
    if sent.expected is Outcome.INVALID:
        return (sent.topic, sent.partition, sent.key, sent.reason)
    return (sent.topic, sent.partition, sent.facts)

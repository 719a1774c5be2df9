"""The copies of one id, judged: what some reading order, true to every partition, leads to."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from operations.reconcile.checks import Tally
from operations.reconcile.rows import First
from operations.reconcile.sorted_runs import merged
from operations.reconcile.truth import Place, PlaceKey, Reach, Truth
from transforms.payment.outcome import Outcome

# An accepted record that the check does not read, and its epoch: before or after every one that it
# does read. In another topic nothing is known of the order.
_OUT_OF_SIGHT = {Reach.EXPIRED: -1, Reach.NEWER: sys.maxsize, Reach.OTHER_TOPIC: None}
# What is known of one id, in the order in which it is looked at. Copies that are neither accepted,
# duplicate nor conflict are missing, refused or in a wrong table, which is told elsewhere.
FIRST_ROW, ACCEPTED, COPY, OTHER, REORDERED, UNEXPECTED = range(6)


def unexpected(place: Place, outcome: str, expected: str) -> str:
    """Returns what is told of a record that is not what its ledger says."""
    return f"{place} must be {expected} by the ledger, is {outcome}"


class _Accepted(NamedTuple):
    place: Place
    key: PlaceKey
    arrival_us: int
    facts: tuple[Any, ...]


class OneId:
    """The copies of one id. An epoch is an accepted record with the copies that name it.

    Accepted records are held in memory, a horizon apart where all is well; copies pass by.
    """

    def __init__(
        self,
        truth: Truth,
        retained: Callable[[Place], bool],
        transaction_id: str,
        outcomes: Tally,
        content: Tally,
    ) -> None:
        self._truth = truth
        self._retained = retained
        self._id = transaction_id
        self._outcomes = outcomes
        self._content = content
        self._accepted: list[_Accepted] = []
        self._epochs: dict[Place, int] = {}
        self._by_place: dict[Place, _Accepted] = {}
        self._first_rows: dict[Place, tuple[int, tuple[Any, ...]]] = {}
        self._partitions: set[int] = set()
        self._reordered = False
        self._unexpected: Iterator[tuple[Any, Any]] = iter(())
        self._wrong = False
        self.records = 0
        self.unverifiable = 0
        self.unproven: list[Place] = []

    def judge(self, known: Iterator[tuple[tuple[str, int, int, int], Any]]) -> None:
        """Takes all that is known, kind by kind; what the ledger says is left to judge_ledger."""
        ordered = False
        for kind, items in itertools.groupby(known, key=lambda item: item[0][1]):
            if kind == COPY:
                self._in_order(self._copy_epochs(items))
                ordered = True
            elif kind == UNEXPECTED:
                # Last of its id: taken by judge_ledger before the next id is asked for.
                self._unexpected = items
                break
            else:
                self._remember(kind, items)
        if not ordered:
            self._in_order(())

    def _remember(self, kind: int, items: Iterable[tuple[Any, Any]]) -> None:
        if kind == FIRST_ROW:
            self._first_rows = {Place(*place): (at_us, facts) for _, (place, at_us, facts) in items}
            self._number_epochs()
        elif kind == ACCEPTED:
            self._accepted = [self._take(key, *value) for key, value in items]
            self._number_epochs()
            self._judge_accepted()
        elif kind == OTHER:
            for (_, _, partition, _), _ in items:
                self._count(partition)
        else:
            self._reordered = True

    def _count(self, partition: int) -> None:
        self.records += 1
        self._partitions.add(partition)

    def _take(self, key: Any, arrival_us: int, facts: tuple[Any, ...]) -> _Accepted:
        self._count(key[2])
        return _Accepted(self._truth.place(key[2:]), key[2:], arrival_us, facts)

    def _number_epochs(self) -> None:
        # The checked part of each partition begins at another time, so that an accepted record
        # outside them may have come between two inside.
        known = [(each.arrival_us, each.place) for each in self._accepted]
        known += [(arrival_us, place) for place, (arrival_us, _) in self._first_rows.items()]
        known.sort(key=lambda pair: pair[0])
        self._epochs = {place: number for number, (_, place) in enumerate(known)}

    def _judge_accepted(self) -> None:
        by_arrival = sorted(self._accepted, key=lambda each: each.arrival_us)
        for before, after in itertools.pairwise(by_arrival):
            if after.arrival_us - before.arrival_us <= self._truth.limits.horizon_us:
                self._tell(f"{before.place} and {after.place} are both accepted within the horizon")
        self._by_place = {each.place: each for each in by_arrival}

    def _copy_epochs(self, items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[PlaceKey, int, str]]:
        """Judges each copy; yields its place and epoch where there is one, and its outcome."""
        for key, (arrival_us, facts, outcome, named) in items:
            self._count(key[2])
            first = First(Place(*named[:3]), named[3])
            epoch = self._copy(self._truth.place(key[2:]), arrival_us, facts, outcome, first)
            if epoch is not None:
                yield key[2:], epoch, outcome

    def _copy(
        self, place: Place, arrival_us: int, facts: tuple[Any, ...], outcome: str, first: First
    ) -> int | None:
        """Tells what is wrong with a duplicate or conflict; returns the epoch that it is in."""
        name = f"{place} is a {outcome} of {first.place}"
        reach = self._truth.reach(first.place)
        epoch = self._epochs.get(first.place)
        if reach in _OUT_OF_SIGHT:
            if place[:2] == first.place[:2] and place.offset < first.place.offset:
                self._tell(f"{name}, which comes after it in the same partition")
            elsewhere = _OUT_OF_SIGHT[reach]
            epoch = elsewhere if elsewhere is None or epoch is None else epoch
            accepted = self._first_rows.get(first.place)
            if accepted is None:
                self._not_seen(place, first.place, reach, name)
                return epoch
        elif epoch is None:
            self._tell(f"{name}, which is no accepted record of this id")
            return None
        else:
            accepted = self._by_place[first.place][2:]
        if first.broker_time_us != accepted[0]:
            self._content.add(
                f"{place} first_broker_time: Kafka says {accepted[0]}, "
                f"the row {first.broker_time_us}"
            )
        self._beside(name, outcome, (arrival_us, facts), accepted)
        return epoch

    def _not_seen(self, place: Place, first: Place, reach: Reach, name: str) -> None:
        """Takes a copy of an accepted record outside the check that has no row."""
        if reach is Reach.EXPIRED and self._retained(first):
            self._tell(f"{name}, which is no accepted record of this id")
            return
        self.unverifiable += 1
        if reach is Reach.NEWER:
            self.unproven.append(place)

    def _beside(
        self,
        name: str,
        outcome: str,
        copy: tuple[int, tuple[Any, ...]],
        accepted: tuple[int, tuple[Any, ...]],
    ) -> None:
        """Compares arrival and facts of a copy with those of the accepted record."""
        (arrival_us, facts), (accepted_us, accepted_facts) = copy, accepted
        agree = facts == accepted_facts
        if arrival_us - accepted_us > self._truth.limits.horizon_us:
            self._tell(f"{name}, but arrived after the horizon: it must be accepted")
        elif agree is not (outcome == Outcome.DUPLICATE.value):
            self._tell(f"{name}, but their payment facts {'agree' if agree else 'differ'}")

    def _in_order(self, copies: Iterable[tuple[PlaceKey, int, str]]) -> None:
        """Tells where a partition would have to be read backwards."""
        accepted = (
            (each.key, self._epochs[each.place], Outcome.ACCEPTED.value) for each in self._accepted
        )
        before: tuple[PlaceKey, int, str] | None = None
        for after in merged(accepted, copies):
            key, epoch, outcome = after
            if before is not None and before[0][0] == key[0]:
                opens = outcome == Outcome.ACCEPTED.value
                if epoch < before[1] or (opens and epoch == before[1]):
                    place, earlier = self._truth.place(key), self._truth.place(before[0])
                    self._tell(
                        f"{place} is {outcome}, but {earlier}, earlier in the same "
                        f"partition, is {before[2]}"
                    )
            before = after

    def _tell(self, line: str) -> None:
        self._wrong = True
        self._outcomes.add(f"{self._id}: {line}")

    def judge_ledger(self, tally: Tally) -> int:
        """Tells legal swaps from wrong outcomes; returns how many records swapped.

        The whole group must be legal, and there must be a reason for another order than that of
        sending: copies in several partitions, a copy that was never written, or one that a killed
        sender wrote before.
        """
        legal = (len(self._partitions) > 1 or self._reordered) and not self._wrong
        swapped = 0
        for key, (outcome, expected) in self._unexpected:
            swapped += legal
            if not legal:
                tally.add(unexpected(self._truth.place(key[2:]), outcome, expected))
        return swapped

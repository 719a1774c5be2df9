"""Checks that each id was counted once: its copies together, and what BigQuery made of them.

Partitions are read side by side, so which copy is first may differ from run to run; the offsets of
one partition are always read in order. What BigQuery holds is right when some reading order, true
to every partition, leads to it.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from operations.reconcile.checks import Tally
from operations.reconcile.rows import AcceptedRow
from operations.reconcile.truth import Place, Reach
from tests.support.reconcile_reference.truth import Entry, Truth
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction, facts_of

_BY_DEDUPLICATE = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT)
# An accepted record that the check does not read, and its epoch: before or after every one that it
# does read. In another topic nothing is known of the order.
_OUT_OF_SIGHT = {Reach.EXPIRED: -1, Reach.NEWER: sys.maxsize, Reach.OTHER_TOPIC: None}


@dataclasses.dataclass
class CopiesFinding:
    """What the groups of copies show.

    Attributes:
        groups: ids with more than one valid copy on time.
        unverifiable: copies of an accepted record that is not among those read: expired, newer
            than the end of the check, or in a topic that was not asked about.
        wrong_ids: ids whose outcomes no reading order can lead to.
    """

    groups: int = 0
    unverifiable: int = 0
    wrong_ids: set[str] = dataclasses.field(default_factory=set)


def check_copies(truth: Truth, tally: Tally, content: Tally) -> CopiesFinding:
    """Judges every id; adds what is wrong to `tally`."""
    finding = CopiesFinding()
    for transaction_id, entries in truth.copies_by_id().items():
        finding.groups += len(entries) > 1
        # Alone and accepted: nothing to compare with, and nearly every id.
        if len(entries) == 1 and entries[0].outcome in (Outcome.ACCEPTED, None):
            continue
        group = _Group(truth, entries)
        for line in group.problems():
            tally.add(f"{transaction_id}: {line}")
            finding.wrong_ids.add(transaction_id)
        finding.unverifiable += group.unverifiable
        for line in group.content:
            content.add(line)
    return finding


class _Group:
    """The copies of one id. An epoch is an accepted record with the copies that name it."""

    def __init__(self, truth: Truth, entries: Sequence[Entry]) -> None:
        self._truth = truth
        # A record that is missing, refused or in a wrong table is told elsewhere.
        self._entries = [entry for entry in entries if entry.outcome in _BY_DEDUPLICATE]
        accepted = [entry for entry in self._entries if entry.outcome is Outcome.ACCEPTED]
        self._accepted = sorted(accepted, key=_arrival_us)
        self._epoch_of = {entry.place: number for number, entry in enumerate(self._accepted)}
        self.unverifiable = 0
        self.content: list[str] = []

    def problems(self) -> Iterator[str]:
        """Yields what contradicts the rules, [] for a legal group."""
        horizon_us = self._truth.limits.horizon_us
        for before, after in itertools.pairwise(self._accepted):
            if _arrival_us(after) - _arrival_us(before) <= horizon_us:
                yield f"{before.place} and {after.place} are both accepted within the horizon"
        epochs = {}
        for entry in self._entries:
            if entry.outcome is Outcome.ACCEPTED:
                epochs[entry.place] = self._epoch_of[entry.place]
                continue
            line, epoch = self._copy(entry)
            if line is not None:
                yield line
            if epoch is not None:
                epochs[entry.place] = epoch
        yield from self._order(epochs)

    def _copy(self, entry: Entry) -> tuple[str | None, int | None]:
        """Returns what is wrong with a duplicate or conflict, and the epoch that it is in."""
        assert entry.outcome is not None and entry.first is not None
        name = f"{entry.place} is a {entry.outcome.value} of {entry.first.place}"
        reach = self._truth.reach(entry.first.place)
        if reach in _OUT_OF_SIGHT:
            self.unverifiable += 1
            if entry.place[:2] == entry.first.place[:2] and entry.place < entry.first.place:
                line = f"{name}, which comes after it in the same partition"
                return line, _OUT_OF_SIGHT[reach]
            return None, _OUT_OF_SIGHT[reach]
        epoch = self._epoch_of.get(entry.first.place)
        if epoch is None:
            return f"{name}, which is no accepted record of this id", None
        first = self._accepted[epoch]
        if entry.first.broker_time_us != _arrival_us(first):
            self.content.append(
                f"{entry.place} first_broker_time: Kafka says {_arrival_us(first)}, "
                f"the row {entry.first.broker_time_us}"
            )
        if _arrival_us(entry) - _arrival_us(first) > self._truth.limits.horizon_us:
            return f"{name}, but arrived after the horizon: it must be accepted", epoch
        agree = _facts(entry) == _facts(first)
        if agree is not (entry.outcome is Outcome.DUPLICATE):
            return f"{name}, but their payment facts {'agree' if agree else 'differ'}", epoch
        return None, epoch

    def _order(self, epochs: dict[Place, int]) -> Iterator[str]:
        """Yields where a partition would have to be read backwards."""
        for _, places in itertools.groupby(sorted(epochs), key=lambda place: place[:2]):
            for before, after in itertools.pairwise(places):
                opens = self._epoch_of.get(after) == epochs[after]
                if epochs[after] < epochs[before] or (opens and epochs[after] == epochs[before]):
                    yield (
                        f"{after} is {self._named(after)}, but {before}, earlier in the same "
                        f"partition, is {self._named(before)}"
                    )

    def _named(self, place: Place) -> str:
        entry = self._truth.find(place)
        assert entry is not None and entry.outcome is not None
        return entry.outcome.value


def _arrival_us(entry: Entry) -> int:
    return entry.content.broker_time_us


def _facts(entry: Entry) -> object:
    assert isinstance(entry.content, Transaction)
    return facts_of(entry.content)


class TwiceFinding(NamedTuple):
    """Ids that `transactions` holds more than once.

    Attributes:
        tally: the failures.
        places: the rows too many.
        again: how many ids were accepted again beyond the horizon, which is legal.
    """

    tally: Tally
    places: set[Place]
    again: int


def accepted_twice(repeated: Iterable[AcceptedRow], horizon_us: int) -> TwiceFinding:
    """Finds ids that were counted twice, in the whole history of `transactions`.

    Args:
        repeated: rows of ids that have more than one, ordered by id and arrival.
        horizon_us: how long after its first arrival an id must be remembered, microseconds.

    Returns:
        The rows within the horizon of the first; a second row of the same record is left to the
        comparison by offset.
    """
    finding = TwiceFinding(Tally(), set(), 0)
    for transaction_id, group in itertools.groupby(repeated, key=lambda row: row.transaction_id):
        # A row twice at one place keeps its position: the first.
        first, *later = {row.place: row for row in group}.values()
        for row in later:
            if row.broker_time_us - first.broker_time_us <= horizon_us:
                finding.tally.add(f"{transaction_id}: accepted at {first.place} and at {row.place}")
                finding.places.add(row.place)
            else:
                first = row
                finding = finding._replace(again=finding.again + 1)
    return finding

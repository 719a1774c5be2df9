"""Finds the ids that `transactions` holds more than once, in its whole history."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from operations.reconcile.checks import Tally
from operations.reconcile.rows import AcceptedRow
from operations.reconcile.sorted_runs import SortedRuns
from operations.reconcile.truth import Place, PlaceKey


class Twice:
    """Ids that `transactions` holds more than once.

    Attributes:
        tally: the failures.
        places: the rows too many, of the partitions that are checked.
        again: how many ids were accepted again beyond the horizon, which is legal.
        left_out: rows too many of which the check reaches neither copy.
    """

    def __init__(self, key: Callable[[Place], PlaceKey | None]) -> None:
        self._key = key
        self._elsewhere: SortedRuns[tuple[str, int, int]] = SortedRuns()
        self.tally = Tally()
        self.places: SortedRuns[PlaceKey] = SortedRuns()
        self.again = 0
        self.left_out = 0

    @property
    def elsewhere(self) -> int:
        """Returns how many rows too many there are in other partitions, each place once."""
        return sum(1 for _ in itertools.groupby(self._elsewhere, key=lambda pair: pair[0]))

    def add(self, place: Place) -> None:
        """Takes a row too many."""
        key = self._key(place)
        if key is None:
            self._elsewhere.add((place.topic, place.partition, place.offset), None)
        else:
            self.places.add(key, None)


def accepted_twice(
    repeated: Iterable[AcceptedRow],
    horizon_us: int,
    key: Callable[[Place], PlaceKey | None],
    reaches: Callable[[Place], bool],
) -> Twice:
    """Finds ids that were counted twice.

    Args:
        repeated: rows of ids that have more than one, ordered by id and arrival.
        horizon_us: how long after its first arrival an id must be remembered, microseconds.
        key: what a place is sorted by, None outside the checked partitions.
        reaches: whether a row at a place is of interest; a pair is when one of the two is.

    Returns:
        The rows within the horizon of the first; a second row of the same record is left to the
        comparison by offset.
    """
    finding = Twice(key)
    for transaction_id, group in itertools.groupby(repeated, key=lambda row: row.transaction_id):
        # A row twice at one place keeps its position: the first.
        first, *later = {row.place: row for row in group}.values()
        for row in later:
            if row.broker_time_us - first.broker_time_us > horizon_us:
                first = row
                finding.again += 1
            elif reaches(first.place) or reaches(row.place):
                finding.tally.add(f"{transaction_id}: accepted at {first.place} and at {row.place}")
                finding.add(row.place)
            else:
                finding.left_out += 1
    return finding

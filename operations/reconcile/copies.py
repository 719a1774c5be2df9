"""Checks that each id is counted once: its copies together, and what BigQuery holds of them.

Partitions are read side by side, so which copy is first may differ from run to run; the offsets of
one partition are always read in order. What BigQuery holds is right when some reading order, true
to every partition, leads to it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

from operations.reconcile.checks import Tally
from operations.reconcile.one_id import (
    ACCEPTED,
    COPY,
    FIRST_ROW,
    OTHER,
    REORDERED,
    UNEXPECTED,
    OneId,
)
from operations.reconcile.progress import Progress, Tell
from operations.reconcile.rows import First, FirstRow
from operations.reconcile.sorted_runs import SortedRuns
from operations.reconcile.truth import Partition, Place, PlaceKey, Truth
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction, facts_of

_BY_DEDUPLICATE = (Outcome.DUPLICATE, Outcome.CONFLICT)


@dataclasses.dataclass
class CopiesFinding:
    """What the groups of copies show.

    Attributes:
        groups: ids with more than one valid copy on time.
        unverifiable: copies of an accepted record that is not among those read, and of which no
            row is left.
        swapped: records that changed places with a copy, as the order of partitions allows.
        unproven: the first offset of each partition at which a copy names an accepted record that
            arrived after the check began, and has no row yet.
    """

    groups: int = 0
    unverifiable: int = 0
    swapped: int = 0
    unproven: dict[Partition, int] = dataclasses.field(default_factory=dict)


class Copies:
    """Gathers what is known of each id, sorts it on disk, and judges id by id.

    Args:
        retained: tells of a place whether Kafka held it when the check began: the accepted record
            there must have a row.
    """

    def __init__(self, truth: Truth, retained: Callable[[Place], bool]) -> None:
        self._truth = truth
        self._retained = retained
        self._known: SortedRuns[tuple[str, int, int, int]] = SortedRuns()

    def add_record(
        self, key: PlaceKey, record: Transaction, outcome: Outcome | None, first: First | None
    ) -> None:
        """Takes a valid record on time, and what its first row says."""
        value: tuple[Any, ...] = ()
        kind = OTHER
        if outcome is Outcome.ACCEPTED:
            kind, value = (
                ACCEPTED,
                (record.broker_time_us, facts_of(record, self._truth.fact_names)),
            )
        elif outcome in _BY_DEDUPLICATE:
            assert outcome is not None and first is not None
            named = (*first.place, first.broker_time_us)
            facts = facts_of(record, self._truth.fact_names)
            kind, value = COPY, (record.broker_time_us, facts, outcome.value, named)
        self._known.add((record.transaction_id, kind, *key), value)

    def add_first(self, row: FirstRow) -> None:
        """Takes an accepted row outside the check that a copy inside it names."""
        key = (row.transaction_id, FIRST_ROW, 0, 0)
        self._known.add(key, (tuple(row.place), row.broker_time_us, tuple(row.facts)))

    def add_reordered(self, transaction_id: str) -> None:
        """Takes an id that may have been read in another order than its ledger says."""
        self._known.add((transaction_id, REORDERED, 0, 0), ())

    def add_unexpected(
        self, key: PlaceKey, transaction_id: str, outcome: Outcome, expected: Outcome
    ) -> None:
        """Takes a record that a ledger calls another of accepted, duplicate and conflict."""
        self._known.add((transaction_id, UNEXPECTED, *key), (outcome.value, expected.value))

    def judge(self, outcomes: Tally, content: Tally, by_ledger: Tally, tell: Tell) -> CopiesFinding:
        """Judges every id; adds what is wrong to the tallies."""
        finding = CopiesFinding()
        judged = Progress(tell, "ids judged", len(self._known))
        for transaction_id, known in itertools.groupby(self._known, key=lambda item: item[0][0]):
            group = OneId(self._truth, self._retained, transaction_id, outcomes, content)
            group.judge(known)
            finding.groups += group.records > 1
            finding.unverifiable += group.unverifiable
            for place in group.unproven:
                pair = place.topic, place.partition
                finding.unproven[pair] = min(finding.unproven.get(pair, place.offset), place.offset)
            finding.swapped += group.judge_ledger(by_ledger)
            judged.step()
        self._known.close()
        return finding

"""Every behaviour on every engine, and the same answers from all of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from operations.reconcile.rows import DeadLetterRow, PaymentRow, Row
from tests.engines.behaviours import Behaviours
from tests.engines.engines import Counted, outcome_of
from transforms.payment.outcome import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_800)]


class TestOnDirect(Behaviours):
    @pytest.fixture
    def counted(self, direct: Counted) -> Counted:
        return direct


class TestOnFlink(Behaviours):
    @pytest.fixture
    def counted(self, flink: Counted) -> Counted:
        return flink


@pytest.mark.skip(
    reason="issue 7: Dataflow needs a project of Google Cloud; it was never run there"
)
class TestOnDataflow(Behaviours):
    @pytest.fixture
    def counted(self) -> Counted:
        raise NotImplementedError


def test_all_engines_give_the_same_answers(direct: Counted, flink: Counted) -> None:
    assert list(differences(direct, flink)) == []


def test_control_one_other_verdict_is_found(direct: Counted) -> None:
    """A single record that ends otherwise, from any outcome to any other, is a difference."""
    decided = (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT, Outcome.LATE)
    for outcome, other in itertools.permutations(decided, 2):
        place, row = next(
            (place, row)
            for place, row in direct.rows.items()
            if outcome_of(row) is outcome and not _depends_on_order(row, _scattered_ids(direct))
        )
        assert isinstance(row, PaymentRow)
        changed = direct._replace(rows={**direct.rows, place: row._replace(outcome=other)})
        assert list(differences(direct, changed))


def differences(one: Counted, other: Counted) -> Iterator[str]:
    """Yields what two engines do not agree on, as far as it does not depend on who reads faster."""
    if _accepted(one) != _accepted(other):
        yield f"accepted ids: {_accepted(one) ^ _accepted(other)}"
    if _totals(one) != _totals(other):
        yield f"counts: {_totals(one)} and {_totals(other)}"
    scattered = _scattered_ids(one)
    for place, row in one.rows.items():
        if not _depends_on_order(row, scattered) and _answer(row) != _answer(other.rows[place]):
            yield f"{place}: {_answer(row)} and {_answer(other.rows[place])}"


def _accepted(counted: Counted) -> set[str]:
    return {
        row.transaction.transaction_id
        for row in counted.rows.values()
        if isinstance(row, PaymentRow) and row.outcome is Outcome.ACCEPTED
    }


def _totals(counted: Counted) -> Counter[Outcome | str]:
    """Returns how often each outcome is; a conflict may change places with a duplicate."""
    again = (Outcome.DUPLICATE, Outcome.CONFLICT)
    outcomes = map(outcome_of, counted.rows.values())
    return Counter("set aside" if outcome in again else outcome for outcome in outcomes)


def _answer(row: Row) -> tuple[object, ...]:
    if isinstance(row, DeadLetterRow):
        return Outcome.INVALID, row.reason, row.key, row.payload
    return row.outcome, row.transaction, row.amount, row.first


def _scattered_ids(counted: Counted) -> set[str]:
    """Returns the ids that have copies in more than one partition."""
    partitions: dict[str, set[int]] = {}
    for row in counted.rows.values():
        if isinstance(row, PaymentRow):
            found = partitions.setdefault(row.transaction.transaction_id, set())
            found.add(row.place.partition)
    return {id_ for id_, found in partitions.items() if len(found) > 1}


def _depends_on_order(row: Row, scattered: set[str]) -> bool:
    by_deduplicate = isinstance(row, PaymentRow) and row.outcome is not Outcome.LATE
    return by_deduplicate and row.transaction.transaction_id in scattered

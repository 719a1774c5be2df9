"""Behaviours that hold on every engine: written once, run on each by test_engines.py."""

from __future__ import annotations

import abc

from operations.reconcile.rows import DeadLetterRow, PaymentRow
from simulator import invalid
from tests.engines.engines import Counted, outcome_of, place_of
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import facts_of


class Behaviours(abc.ABC):
    """An engine supplies `counted`, and nothing else."""

    def test_every_record_ends_once_and_as_the_ledger_says(self, counted: Counted) -> None:
        assert counted.report.balanced, counted.report.text()
        assert (counted.report.missing, counted.report.double) == (0, 0)
        assert counted.rows.keys() == {place_of(sent) for sent in counted.sent}
        assert {outcome_of(row) for row in counted.rows.values()} == set(Outcome) - {
            Outcome.SKIPPED
        }

    def test_every_kind_of_invalid_record_is_a_dead_letter_with_its_reason(
        self, counted: Counted
    ) -> None:
        for kind in invalid.KINDS:
            found = counted.of_fault(f"invalid_{kind}")
            assert found, f"none of kind {kind} was sent"
            for sent, row in found:
                assert isinstance(row, DeadLetterRow), sent
                assert sent.reason is not None and row.reason == sent.reason.value

    def test_tombstone_is_a_dead_letter_without_payload(self, counted: Counted) -> None:
        for _, row in counted.of_fault("invalid_tombstone"):
            assert (row.reason, row.payload) == (Reason.TOMBSTONE.value, None)

    def test_event_in_the_future_is_invalid(self, counted: Counted) -> None:
        reasons = {row.reason for _, row in counted.of_fault("invalid_event_time_in_future")}

        assert reasons == {Reason.EVENT_TIME_IN_FUTURE.value}

    def test_corrected_copy_of_an_invalid_record_is_accepted(self, counted: Counted) -> None:
        outcomes = {outcome_of(row) for _, row in counted.of_fault("corrected")}

        assert outcomes == {Outcome.ACCEPTED}

    def test_late_record_and_its_copy_are_both_late(self, counted: Counted) -> None:
        for fault in ("late", "late_copy"):
            assert {outcome_of(row) for _, row in counted.of_fault(fault)} == {Outcome.LATE}

    def test_nearly_late_record_is_accepted(self, counted: Counted) -> None:
        assert {outcome_of(row) for _, row in counted.of_fault("nearly_late")} == {Outcome.ACCEPTED}

    def test_copy_in_another_partition_is_a_duplicate(self, counted: Counted) -> None:
        copies = counted.of_fault("cross_partition")
        assert copies
        for sent, _ in copies:
            rows = counted.of_id(sent.transaction_id)
            assert len({row.place.partition for row in rows}) > 1
            # Which is first depends on who reads faster, so it may be the copy.
            assert [row.outcome for row in rows].count(Outcome.ACCEPTED) == 1

    def test_conflict_names_the_accepted_record_that_it_contradicts(self, counted: Counted) -> None:
        conflicts = [row for row in counted.rows.values() if outcome_of(row) is Outcome.CONFLICT]
        assert conflicts
        for row in conflicts:
            assert isinstance(row, PaymentRow) and row.first is not None
            accepted = counted.rows[row.first.place]
            assert isinstance(accepted, PaymentRow) and accepted.outcome is Outcome.ACCEPTED
            assert accepted.transaction.transaction_id == row.transaction.transaction_id
            assert facts_of(accepted.transaction) != facts_of(row.transaction)

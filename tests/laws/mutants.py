"""Products that are wrong on purpose, each in one way: the laws' controls."""

from __future__ import annotations

import sys

from tests.laws.product import Product
from tests.laws.reference_model import ALLOWED_LATENESS_US, HORIZON_US, Verdict
from transforms.codecs import wire_format
from transforms.payment.dead_letter import Rejected
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.outcome import Outcome
from transforms.payment.rules import Rules
from transforms.payment.transaction import KafkaRecord, Transaction


class CopiesExtendTheHorizon(Product):
    """Each copy keeps the id alive for another horizon."""

    def deduplicate(self, transaction: Transaction) -> Verdict:
        verdict = super().deduplicate(transaction)
        first = self.state[transaction.transaction_id]
        self.state[transaction.transaction_id] = first._replace(
            broker_time_us=max(first.broker_time_us, transaction.broker_time_us)
        )
        return verdict


class _OneTickEarly(DedupPolicy):
    def forget_at_us(self, first: FirstSeen) -> int:
        return super().forget_at_us(first) - 1_000


class ForgetsOneTickEarly(Product):
    """A copy at the very end of the horizon counts again."""

    policy = _OneTickEarly(HORIZON_US)


class _OneTickLate(DedupPolicy):
    def forget_at_us(self, first: FirstSeen) -> int:
        return super().forget_at_us(first) + 1_000


class ForgetsOneTickLate(Product):
    """The state outlives the horizon."""

    policy = _OneTickLate(HORIZON_US)


class NeverForgets(Product):
    """Decides rightly, but its state grows for ever."""

    def advance(self, watermark_us: int) -> None:
        return


class TimersFollowTheWallClock(Product):
    """The watermark of a catch-up: it is now, whatever is still unread."""

    def advance(self, watermark_us: int) -> None:
        super().advance(sys.maxsize)


class DecidesByTheWallClock(Product):
    """Takes the moment of processing for the arrival."""

    def deduplicate(self, transaction: Transaction) -> Verdict:
        self.now_us += 1_000
        return super().deduplicate(transaction._replace(broker_time_us=self.now_us))


class CountsConflictsAsDuplicates(Product):
    """The id alone decides: a contradiction goes unseen."""

    def deduplicate(self, transaction: Transaction) -> Verdict:
        verdict = super().deduplicate(transaction)
        if verdict.outcome == Outcome.CONFLICT.value:
            return verdict._replace(outcome=Outcome.DUPLICATE.value)
        return verdict


class TakesAnyDifferenceForAConflict(Product):
    """Compares what is no payment fact."""

    def deduplicate(self, transaction: Transaction) -> Verdict:
        other_payee = f"{transaction.merchant_id}-{transaction.country}"
        return super().deduplicate(transaction._replace(merchant_id=other_payee))


class RemembersTheConflict(Product):
    """Keeps the last version of a payment instead of the first."""

    def deduplicate(self, transaction: Transaction) -> Verdict:
        verdict = super().deduplicate(transaction)
        if verdict.outcome == Outcome.CONFLICT.value:
            self.state[transaction.transaction_id] = self.policy.remember(transaction)
        return verdict


class IgnoresLateness(Product):
    """A copy that comes after its id was forgotten is accepted instead of late."""

    def is_late(self, transaction: Transaction) -> bool:
        return False


class RemembersTheLate(Product):
    """A late record blocks the payment's own copy in time."""

    def is_late(self, transaction: Transaction) -> bool:
        late = super().is_late(transaction)
        if late:
            remembered = self.policy.remember(transaction)
            self.state.setdefault(transaction.transaction_id, remembered)
        return late


class LateByWhatWasReadBefore(Product):
    """Measures lateness by a watermark instead of the record's own arrival."""

    _newest_us = 0

    def is_late(self, transaction: Transaction) -> bool:
        self._newest_us = max(self._newest_us, transaction.broker_time_us)
        return self._newest_us - transaction.event_time_us > ALLOWED_LATENESS_US


class JudgesReplaysByTheirOwnArrival(Product):
    """A dead letter that was corrected a day later would be late for that alone."""

    def is_late(self, transaction: Transaction) -> bool:
        return super().is_late(transaction._replace(replay_of=None))


class TrustsTheFuture(Product):
    """A producer whose clock is ahead has its ids forgotten too early."""

    rules = Rules(clock_skew_us=sys.maxsize)


class LosesTheLate(Product):
    """Drops late records with nothing but a counter."""

    def read(self, record: KafkaRecord) -> Verdict | None:
        verdict = super().read(record)
        return None if verdict == Verdict(Outcome.LATE.value) else verdict


class LosesTheUnreadable(Product):
    """Continues after a record that it cannot read."""

    def read(self, record: KafkaRecord) -> Verdict | None:
        try:
            wire_format.decode(record)
        except Rejected:
            return None
        return super().read(record)

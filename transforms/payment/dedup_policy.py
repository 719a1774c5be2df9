"""Decides whether a record is the first of its transaction_id. Pure; a DoFn remembers."""

from __future__ import annotations

import dataclasses
from typing import Annotated, NamedTuple

from transforms.payment.fields import Field, declares
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import DEFAULT_FACTS, Transaction, facts_of

_TICK_US = 1_000  # Kafka's timestamps, and Beam's timers, are milliseconds


@declares
class FirstSeen(NamedTuple):
    """What is remembered of the accepted record of an id; the horizon counts from its arrival."""

    facts: tuple[str | int | None, ...] | None  # None where only a digest of them is kept
    topic: Annotated[str, Field("Topic of the accepted record of this id.", "first_topic")]
    partition: Annotated[
        int, Field("Partition of the accepted record of this id.", "first_partition")
    ]
    offset: Annotated[int, Field("Offset of the accepted record of this id.", "first_offset")]
    broker_time_us: Annotated[
        int,
        Field("Arrival of the accepted record of this id.", "first_broker_time", "TIMESTAMP"),
    ]


class RepeatedRecord(NamedTuple):
    """A later record of an id, beside the one that was accepted."""

    transaction: Transaction
    first: FirstSeen


@dataclasses.dataclass(frozen=True)
class DedupPolicy:
    """Decides by arrival times alone, so every runner and every replay decides alike.

    Attributes:
        horizon_us: how long an id is remembered after its first arrival, microseconds.
        facts: fields of Transaction; a copy that differs in one is a conflict.
        contract: marks by what contract ids and facts are read (codecs/contract/fingerprint.py).
    """

    horizon_us: int
    facts: tuple[str, ...] = DEFAULT_FACTS
    contract: str = ""

    def decide(self, first: FirstSeen | None, transaction: Transaction) -> Outcome:
        """Returns ACCEPTED, DUPLICATE or CONFLICT.

        A runner may keep `first` longer than the horizon, for its watermark lags behind; the id
        counts as forgotten all the same.
        """
        if first is None or self.forgets(first, transaction.broker_time_us):
            return Outcome.ACCEPTED
        return self.outcome_of_copy(first.facts == facts_of(transaction, self.facts))

    def forgets(self, first: FirstSeen, arrival_us: int) -> bool:
        """Returns whether the id counts as forgotten for a record that arrives then."""
        return arrival_us >= self.forget_at_us(first)

    @staticmethod
    def outcome_of_copy(same_facts: bool) -> Outcome:
        """Returns what a record of a remembered id is."""
        return Outcome.DUPLICATE if same_facts else Outcome.CONFLICT

    def forget_at_us(self, first: FirstSeen) -> int:
        """Returns when the id may be forgotten: a copy never extends it.

        One tick of Kafka's clock after the horizon: a copy may arrive at its very end.
        """
        return first.broker_time_us + self.horizon_us + _TICK_US

    def remember(self, transaction: Transaction) -> FirstSeen:
        """Returns what must be remembered of an accepted transaction."""
        return FirstSeen(
            facts_of(transaction, self.facts),
            transaction.topic,
            transaction.partition,
            transaction.offset,
            transaction.broker_time_us,
        )

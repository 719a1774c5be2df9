"""Deduplication in plain Beam: a stateful DoFn with one state cell and one timer for each id.

Read this first: it is what Deduplicate does, with nothing done for speed (--dedup_state=per_id).
sharded_dedup.py answers alike and is what runs by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import StrUtf8Coder, TupleCoder, VarIntCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from transforms import metrics
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen, RepeatedRecord
from transforms.payment.outcome import Outcome
from transforms.payment.transaction import Transaction, facts_of, place_of

# Facts with a place of their own in state, and how many places facts have there.
_BY_THEMSELVES = ("amount_minor", "currency", "account_id")
_FACTS = 4


class KeepFirstOfId(beam.DoFn):
    """Remembers an id from its first arrival until the watermark passes the horizon.

    With a horizon of 60 s:
        A@00  → accepted    first_seen := 00, forget timer := 60
        A@50  → duplicate   timer unchanged: copies must not keep an id alive
        watermark > 60      → state cleared
        A@70  → accepted    beyond the horizon, by design
    """

    # State and timer names survive a job update: renaming one loses every remembered id.
    FIRST_SEEN = ReadModifyWriteStateSpec(
        "first_seen",
        TupleCoder(
            # Amount, currency, payer, other facts; topic, partition, offset, arrival.
            [VarIntCoder(), *[StrUtf8Coder()] * 4, *[VarIntCoder()] * 3]
        ),
    )
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(self, policy: DedupPolicy, duplicates: str, conflicts: str) -> None:
        self._policy = policy
        self._duplicates_tag, self._conflicts_tag = duplicates, conflicts
        self._accepted = metrics.counter("transactions_accepted")
        self._duplicates = metrics.counter("transactions_duplicate")
        self._conflicts = metrics.counter("transactions_conflict")
        self._forgotten = metrics.counter("ids_forgotten")

    def process(
        self,
        element: tuple[str, Transaction],
        first_seen: Any = beam.DoFn.StateParam(FIRST_SEEN),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[list[Transaction] | TaggedOutput]:
        """Decides one record."""
        _, transaction = element
        stored, facts = first_seen.read(), self._facts_of(transaction)
        first, arrival_us = _from_state(stored), transaction.broker_time_us
        if first is None or self._policy.forgets(first, arrival_us):
            remembered = self._policy.remember(transaction)
            first_seen.write((*facts, *place_of(transaction), arrival_us))
            forget.set(Timestamp(micros=self._policy.forget_at_us(remembered)))
            self._accepted.inc()
            yield [transaction]
        elif self._policy.outcome_of_copy(stored[:_FACTS] == facts) is Outcome.DUPLICATE:
            self._duplicates.inc()
            yield TaggedOutput(self._duplicates_tag, [RepeatedRecord(transaction, first)])
        else:
            self._conflicts.inc()
            yield TaggedOutput(self._conflicts_tag, [RepeatedRecord(transaction, first)])

    def _facts_of(self, transaction: Transaction) -> tuple[int, str, str, str]:
        """Returns the facts as state keeps them: the payer by itself, what else there is as one."""
        names = [name for name in self._policy.facts if name not in _BY_THEMSELVES]
        others = "\0".join(str(fact or "") for fact in facts_of(transaction, names))
        payer = transaction.account_id if "account_id" in self._policy.facts else None
        return transaction.amount_minor, transaction.currency, payer or "", others

    @on_timer(FORGET)
    def forget_id(self, first_seen: Any = beam.DoFn.StateParam(FIRST_SEEN)) -> None:
        """Forgets the id: the watermark says that every copy in time has been seen."""
        self._forgotten.inc()
        first_seen.clear()


def _from_state(stored: tuple[Any, ...] | None) -> FirstSeen | None:
    if stored is None:
        return None
    return FirstSeen(None, *stored[_FACTS:])

"""Step 5: keeps the first record of each transaction_id; every later one is set aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import StrUtf8Coder, TupleCoder, VarIntCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from transforms import coders, metrics
from transforms.contract.dedup_policy import DedupPolicy, FirstSeen
from transforms.contract.outcome import Outcome
from transforms.contract.transaction import PaymentFacts, Transaction

ACCEPTED = "accepted"
DUPLICATES = "duplicates"
CONFLICTS = "conflicts"

_ = coders.TRANSACTION  # registered by the import: transactions cross a shuffle below


class Copy(NamedTuple):
    """A later record of an id, beside the one that was accepted."""

    transaction: Transaction
    first: FirstSeen


class Deduplicate(beam.PTransform):
    """Accepts the first arrival of each transaction_id.

    Input:      Transaction, global window, element timestamp = arrival (broker time).
    Output:     accepted    at most one Transaction per transaction_id per horizon
                duplicates  Copy, every later record whose payment facts agree
                conflicts   Copy, every later record that differs in a payment fact
    Guarantee:  accepted + duplicates + conflicts == input, under any retry.
    Limit:      a copy that arrives after the horizon is accepted here. With an unchanged event
                time it cannot get here: it is late (docs/decisions/0002).
    State:      about 100 bytes per live id, freed when the watermark passes the horizon.
    """

    class Outputs(NamedTuple):
        """The three ends of the step."""

        accepted: beam.PCollection[Transaction]
        duplicates: beam.PCollection[Copy]
        conflicts: beam.PCollection[Copy]

    def __init__(self, policy: DedupPolicy) -> None:
        super().__init__()
        self._policy = policy

    def expand(self, transactions: beam.PCollection[Transaction]) -> Deduplicate.Outputs:
        """Returns accepted transactions, duplicates and conflicts."""
        outputs = (
            transactions
            | "KeyById" >> beam.Map(_by_id).with_output_types(tuple[str, Transaction])
            | "KeepFirst"
            >> beam.ParDo(_KeepFirstFn(self._policy)).with_outputs(
                DUPLICATES, CONFLICTS, main=ACCEPTED
            )
        )
        return self.Outputs(outputs[ACCEPTED], outputs[DUPLICATES], outputs[CONFLICTS])


def _by_id(transaction: Transaction) -> tuple[str, Transaction]:
    return transaction.transaction_id, transaction


class _KeepFirstFn(beam.DoFn):
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
            # amount_minor, currency, payer, payee; topic, partition, offset, broker_time_us
            [VarIntCoder(), *[StrUtf8Coder()] * 4, *[VarIntCoder()] * 3]
        ),
    )
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(self, policy: DedupPolicy) -> None:
        self._policy = policy
        self._accepted = metrics.counter("transactions_accepted")
        self._duplicates = metrics.counter("transactions_duplicate")
        self._conflicts = metrics.counter("transactions_conflict")
        self._forgotten = metrics.counter("ids_forgotten")

    def process(
        self,
        element: tuple[str, Transaction],
        first_seen: Any = beam.DoFn.StateParam(FIRST_SEEN),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[Transaction | TaggedOutput]:
        _, transaction = element
        first = _from_state(first_seen.read())
        outcome = self._policy.decide(first, transaction)
        if first is None or outcome is Outcome.ACCEPTED:
            remembered = self._policy.remember(transaction)
            first_seen.write((*remembered.facts, *remembered[1:]))
            forget.set(Timestamp(micros=self._policy.forget_at_us(remembered)))
            self._accepted.inc()
            yield transaction
        elif outcome is Outcome.DUPLICATE:
            self._duplicates.inc()
            yield TaggedOutput(DUPLICATES, Copy(transaction, first))
        else:
            self._conflicts.inc()
            yield TaggedOutput(CONFLICTS, Copy(transaction, first))

    @on_timer(FORGET)
    def forget_id(self, first_seen: Any = beam.DoFn.StateParam(FIRST_SEEN)) -> None:
        """Forgets the id: the watermark says that every copy in time has been seen."""
        self._forgotten.inc()
        first_seen.clear()


def _from_state(stored: tuple[Any, ...] | None) -> FirstSeen | None:
    return None if stored is None else FirstSeen(PaymentFacts(*stored[:4]), *stored[4:])

"""The product's own decisions, in the order of pipeline/graph.py, without a runner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.laws.reference_model import (
    ALLOWED_LATENESS_US,
    CLOCK_SKEW_US,
    HORIZON_US,
    Arrival,
    Place,
    Verdict,
)
from tests.support import payments
from transforms.codecs import wire_format
from transforms.payment import replay
from transforms.payment.dead_letter import Rejected
from transforms.payment.dedup_policy import DedupPolicy, FirstSeen
from transforms.payment.outcome import Outcome
from transforms.payment.rules import Rules, is_late
from transforms.payment.transaction import KafkaRecord, ReplayOf, Transaction

State = Mapping[str, FirstSeen]


class Product:
    """What the steps decide, with a state that can be saved and resumed.

    Args:
        state: what is remembered at the start.
        now_us: the clock on the wall at the start. Nothing may depend on it.
    """

    rules = Rules(CLOCK_SKEW_US)
    policy = DedupPolicy(HORIZON_US)

    def __init__(self, state: State | None = None, now_us: int = 0) -> None:
        self.state: dict[str, FirstSeen] = dict(state or {})
        self.now_us = now_us

    def read(self, record: KafkaRecord) -> Verdict | None:
        """Returns how the record ends, and remembers what must be remembered."""
        try:
            transaction = wire_format.decode(record)
            self.rules.check(transaction)
        except Rejected:
            return Verdict(Outcome.INVALID.value)
        if self.is_late(transaction):
            return Verdict(Outcome.LATE.value)
        return self.deduplicate(transaction)

    def is_late(self, transaction: Transaction) -> bool:
        """Tells whether it came after the allowed lateness."""
        return is_late(transaction, ALLOWED_LATENESS_US)

    def deduplicate(self, transaction: Transaction) -> Verdict:
        """Returns accepted, duplicate or conflict."""
        first = self.state.get(transaction.transaction_id)
        outcome = self.policy.decide(first, transaction)
        if first is None or outcome is Outcome.ACCEPTED:
            self.state[transaction.transaction_id] = self.policy.remember(transaction)
            return Verdict(outcome.value)
        return Verdict(outcome.value, Place(first.partition, first.offset))

    def advance(self, watermark_us: int) -> None:
        """Forgets as the timers do, when the watermark has come to `watermark_us`."""
        for id_, first in list(self.state.items()):
            if watermark_us >= self.policy.forget_at_us(first):
                del self.state[id_]


def process(
    product: Product,
    reading: Sequence[Arrival],
    begin: int = 0,
    end: int | None = None,
    forgets: bool = True,
) -> dict[Place, Verdict]:
    """Has the records read in this order, or a part of them; returns what reached a table.

    With `forgets`, timers fire as early as they ever may: the watermark is the arrival of the
    oldest record that is still unread. Without, they never fire, as in a bounded run.
    """
    verdicts = {}
    for position in range(begin, len(reading) if end is None else end):
        arrival, unread = reading[position], reading[position + 1 :]
        verdict = product.read(record_of(arrival))
        if verdict is not None:
            verdicts[arrival.place] = verdict
        if forgets and unread:
            product.advance(min(later.arrived_us for later in unread))
    return verdicts


def record_of(arrival: Arrival, topic: str = "payments") -> KafkaRecord:
    """Returns the Kafka record that carries this arrival."""
    amount_minor, currency, payer, payee = arrival.facts
    payload = payments.payload(
        transaction_id=arrival.transaction_id,
        account_id=payer,
        merchant_id=payee,
        amount_minor=amount_minor,
        currency=currency,
        event_time=wire_format.event_time_text(arrival.happened_us),
        # No payment fact: what differs here makes no conflict.
        country=("DE", "FR")[arrival.place.offset % 2],
    )
    header = None
    if arrival.first_arrived_us is not None:
        header = replay.encode(ReplayOf(topic, 0, 0, arrival.first_arrived_us))
    return KafkaRecord(
        topic,
        *arrival.place,
        arrival.arrived_us,
        b"key",
        payload if arrival.readable else b"no payment",
        header,
    )

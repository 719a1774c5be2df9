"""The two basic types: a record of Kafka, and the transaction in it."""

# No `from __future__ import annotations` here: Beam makes a schema of Transaction, and takes a
# field whose type is still text for "anything", which it would pickle.
from typing import NamedTuple, Optional


class KafkaRecord(NamedTuple):
    """One Kafka message, exactly as read."""

    topic: str
    partition: int
    offset: int
    broker_time_us: int  # arrival: the broker's LogAppendTime, microseconds since the epoch
    key: bytes | None
    payload: bytes | None  # None is a tombstone
    replay_header: bytes | None = None  # value of header `payments-replay-of`, when there is one


class ReplayOf(NamedTuple):
    """Which dead letter a record sends again (transforms/payment/replay.py)."""

    topic: str
    partition: int
    offset: int
    original_time_us: int  # arrival of the first record of the chain: lateness counts from it


class Transaction(NamedTuple):
    """One payment with the lineage of the record that carried it.

    The same transaction_id means the same payment; a record that says otherwise is a conflict.
    """

    transaction_id: str
    account_id: str  # the payer
    merchant_id: str  # the payee
    payment_type: str
    amount_minor: int  # minor units of `currency` (ISO 4217), never a float
    currency: str  # ISO 4217, alphabetic
    event_time_us: int  # when the payment happened, microseconds since the epoch, UTC
    country: Optional[str]  # ISO 3166-1 alpha-2
    device_id: Optional[str]
    topic: str
    partition: int
    offset: int
    broker_time_us: int  # arrival
    replay_of: Optional[ReplayOf] = None


class PaymentFacts(NamedTuple):
    """What must agree for two records to be the same payment (docs/guarantee.md, `duplicate`)."""

    amount_minor: int
    currency: str
    payer: str
    payee: str


def judged_at_us(transaction: Transaction) -> int:
    """Returns the arrival by which lateness and clock skew are judged.

    A replayed dead letter is judged as it would have been at its first arrival: that it was
    corrected days later does not make the payment late.
    """
    replay_of = transaction.replay_of
    return transaction.broker_time_us if replay_of is None else replay_of.original_time_us


def place_of(transaction: Transaction) -> tuple[str, int, int]:
    """Returns topic, partition and offset of the record."""
    return transaction.topic, transaction.partition, transaction.offset


def facts_of(transaction: Transaction) -> PaymentFacts:
    """Returns the facts of which any difference makes a copy a conflict."""
    return PaymentFacts(
        transaction.amount_minor,
        transaction.currency,
        transaction.account_id,
        transaction.merchant_id,
    )

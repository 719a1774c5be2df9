"""The two basic types: a record of Kafka, and the transaction in it.

Each field of a payment is declared here, once: its name and type, what it means, its column, and
whether the payload holds it. Decoders, packed batches, tables, Arrow rows and the readers of rows
take all that from here.
"""

# No `from __future__ import annotations` here: Beam makes a schema of Transaction, and takes a
# field whose type is still text for "anything", which it would pickle.
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple, Optional, cast

from transforms.payment.fields import Field, Payload, declares, fields_of

# Name and value of each, in the order of the record; a value may be null.
Headers = tuple[tuple[str, bytes | None], ...]


class KafkaRecord(NamedTuple):
    """One Kafka message, exactly as read."""

    topic: str
    partition: int
    offset: int
    broker_time_us: int  # arrival (payment/arrival.py), microseconds since the epoch
    key: bytes | None
    payload: bytes | None  # None is a tombstone
    replay_header: bytes | None = None  # value of header `payments-replay-of`, when there is one
    headers: Headers = ()  # those that a contract asks for, in order


_SENT_AGAIN = "Of the dead letter that this sends again."


@declares
class ReplayOf(NamedTuple):
    """Which dead letter a record sends again (transforms/payment/replay.py)."""

    topic: Annotated[str, Field(_SENT_AGAIN, "replay_of_topic", nullable=True)]
    partition: Annotated[int, Field(_SENT_AGAIN, "replay_of_partition", nullable=True)]
    offset: Annotated[int, Field(_SENT_AGAIN, "replay_of_offset", nullable=True)]
    # Of the first record of the chain: lateness counts from it.
    original_time_us: Annotated[
        int,
        Field("Arrival that a replay is judged by.", "original_time", "TIMESTAMP", nullable=True),
    ]


@declares
class Transaction(NamedTuple):
    """One payment with the lineage of the record that carried it.

    The same transaction_id means the same payment; a record that says otherwise is a conflict.

    A field that comes later stands last, is Optional, and says the how-manieth such column it is:
    payments wait in state by the place of their fields, and rows from before have none of it.
    """

    transaction_id: Annotated[str, Payload("Id of the payment, given by its producer.")]
    account_id: Annotated[  # our own JSON always names one, other contracts may not
        Optional[str], Payload("The payer; null where the record names none.", required=True)
    ]
    merchant_id: Annotated[str, Payload("The payee.")]
    payment_type: Annotated[str, Payload("purchase, refund, transfer or withdrawal.")]
    amount_minor: Annotated[  # never a float
        int,
        Field("Amount in major units of the currency, exact.", "amount", "NUMERIC"),
        Payload("Amount in minor units of the currency, as received."),
    ]
    currency: Annotated[str, Payload("ISO 4217 code.")]
    event_time_us: Annotated[
        int, Payload("When the payment happened, by its producer.", "event_time", "TIMESTAMP")
    ]
    country: Annotated[Optional[str], Payload("ISO 3166-1 alpha-2 code.")]
    device_id: Annotated[Optional[str], Payload("Device the payment was made with.")]
    topic: Annotated[str, Field("Topic the record was read from.", "kafka_topic")]
    partition: Annotated[int, Field("Partition the record was read from.", "kafka_partition")]
    offset: Annotated[int, Field("Offset of the record in its partition.", "kafka_offset")]
    broker_time_us: Annotated[
        int, Field("Arrival: the broker's LogAppendTime.", "broker_time", "TIMESTAMP")
    ]
    replay_of: Optional[ReplayOf] = None
    # Cells of the columns that a contract adds, as JSON (codecs/contract/extra_columns.py).
    extras: Optional[str] = None


class PaymentFacts(NamedTuple):
    """What must agree for two records to be the same payment (docs/guarantee.md, `duplicate`).

    Fields of Transaction, in the order in which state keeps them. A contract may name others.
    """

    amount_minor: int
    currency: str
    account_id: Optional[str]
    merchant_id: str


# Of Transaction: the fields that a payload holds, and the others that have a column.
PAYLOAD = tuple(each for each in fields_of(Transaction) if each.in_payload)
PAYLOAD_NAMES = tuple(each.name for each in PAYLOAD)
LINEAGE_NAMES = tuple(
    each.name for each in fields_of(Transaction) if each.name not in PAYLOAD_NAMES
)
DEFAULT_FACTS = PaymentFacts._fields


# As _make, without the call of Python's own that it is for each record.
of_values = cast(Callable[[Iterable[Any]], Transaction], partial(tuple.__new__, Transaction))


def by_field(transactions: Iterable[Transaction]) -> Any:
    """Returns one Transaction whose every field holds the values of all, of at least one."""
    return Transaction._make(zip(*transactions, strict=True))


def made_by(
    arguments: str, expressions: Mapping[str, str], names: Mapping[str, Any]
) -> Callable[..., Transaction]:
    """Returns a function that makes a transaction: of each field by its expression, else None.

    Such functions are called for every record. This one is compiled once, and as fast as if all
    fields were written out; keywords or a loop would take up to twice as long.

    Args:
        arguments: of the function, as in its source.
        names: what the expressions use besides.
    """
    fields = ", ".join(expressions.get(each, "None") for each in Transaction._fields)
    source = f"lambda {arguments}: new(Transaction, ({fields}))"
    made: Callable[..., Transaction] = eval(
        source, {**names, "new": tuple.__new__, "Transaction": Transaction}
    )
    return made


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


def facts_of(
    transaction: Transaction, names: Sequence[str] = DEFAULT_FACTS
) -> tuple[str | int | None, ...]:
    """Returns the facts of which any difference makes a copy a conflict, in the order of names."""
    return tuple(getattr(transaction, name) for name in names)

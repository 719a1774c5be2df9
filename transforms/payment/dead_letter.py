"""The reasons for a dead letter: a closed list, safe to GROUP BY, with what a replay needs."""

from __future__ import annotations

import enum
import hashlib
from typing import Annotated, NamedTuple

from transforms.payment import kept_headers
from transforms.payment.fields import Field, declares
from transforms.payment.transaction import KafkaRecord, ReplayOf

# A detail is for a human who reads a row. 500 characters hold any message of ours; more would let
# a hostile payload fill the table twice, once as payload and once as detail.
DETAIL_CHARS_MAX = 500

# BigQuery takes 10 MB per append, so a larger row would stop the job at this record for ever.
# Brokers take 1 MB unless told otherwise: up to twice that, key and payload are each kept whole.
KEPT_BYTES_MAX = 2 * 1_048_576


class Reason(enum.Enum):
    """Every reason for which a record can be `invalid`."""

    TOMBSTONE = "tombstone"  # a null value
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    REPEATED_FIELD = "repeated_field"  # the same JSON field twice: which one counts is undefined
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    BAD_TRANSACTION_ID = "bad_transaction_id"
    BAD_ACCOUNT_ID = "bad_account_id"
    BAD_MERCHANT_ID = "bad_merchant_id"
    BAD_DEVICE_ID = "bad_device_id"
    BAD_COUNTRY = "bad_country"
    BAD_EVENT_TIME = "bad_event_time"
    UNKNOWN_PAYMENT_TYPE = "unknown_payment_type"
    UNKNOWN_CURRENCY = "unknown_currency"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_LARGE = "amount_too_large"
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    BAD_REPLAY_HEADER = "bad_replay_header"
    REFUSED_BY_BIGQUERY = "refused_by_bigquery"
    # Of contracts other than our own JSON:
    NOT_DECODABLE = "not_decodable"  # no Avro, Protobuf, base64 …; the detail names the layer
    UNKNOWN_SCHEMA = "unknown_schema"  # the registry does not know the id of its schema
    UNKNOWN_STATE = "unknown_state"  # a state or type that no list of the contract names
    SEVERAL_PAYMENTS = "several_payments"  # more than one item where one payment is required
    BAD_AMOUNT = "bad_amount"
    AMOUNT_NOT_EXACT = "amount_not_exact"  # more digits than the currency, or a number, can hold


class Rejected(Exception):
    """A record that no retry can cure.

    Attributes:
        reason: one of the closed list.
        detail: for a human: what was required, what was received.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


@declares
class DeadLetter(NamedTuple):
    """A record that no retry can cure, with what is needed to find and replay it.

    Its lineage has the columns of a Transaction's. Key and payload are cut to KEPT_BYTES_MAX;
    headers that are longer are left out, as half of them are none.
    """

    topic: str
    partition: int
    offset: int
    broker_time_us: int
    key: Annotated[bytes | None, Field("Kafka key, as read.")]
    payload: Annotated[bytes | None, Field("Kafka value, as read; null for a tombstone.")]
    reason: Annotated[str, Field("Why the record was rejected: a closed list.")]  # Reason.value
    detail: Annotated[str, Field("What was required and what was received, for a human.")]
    step: Annotated[str, Field("The step that rejected it.")]
    replay_of: ReplayOf | None = None
    headers: Annotated[
        str | None,
        Field(
            "JSON: the Kafka headers that the contract asks for; null: it asks for none.", added=5
        ),
    ] = None  # kept_headers.py

    @classmethod
    def of(
        cls,
        record: KafkaRecord,
        rejected: Rejected,
        step: str,
        replay_of: ReplayOf | None = None,
        with_headers: bool = False,
    ) -> DeadLetter:
        """Returns the dead letter of `record`.

        Its detail is cut to DETAIL_CHARS_MAX, its key and payload to KEPT_BYTES_MAX: the detail
        then ends in their whole lengths and digests, and Kafka has the rest at this offset.

        Args:
            with_headers: whether the contract asks for headers. Those of the record are kept then,
                be there none.
        """
        cuts = _cut_note("key", record.key) + _cut_note("payload", record.payload)
        headers = kept_headers_of(record) if with_headers else None
        if with_headers and headers is None:
            cuts += f"; headers: more than {KEPT_BYTES_MAX} bytes, left out"
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.broker_time_us,
            kept(record.key),
            kept(record.payload),
            rejected.reason.value,
            rejected.detail[: DETAIL_CHARS_MAX - len(cuts)] + cuts,
            step,
            replay_of,
            headers,
        )

    def holds_record(self, with_headers: bool = False) -> bool:
        """Returns whether what it holds is the record's: no refused row, and nothing cut.

        Args:
            with_headers: whether headers are part of the record, by its contract.
        """
        if self.reason == Reason.REFUSED_BY_BIGQUERY.value:
            return False
        if with_headers and self.headers is None:
            return False
        return all(len(part or b"") < KEPT_BYTES_MAX for part in (self.key, self.payload))


def kept(part: bytes | None) -> bytes | None:
    """Returns as much of a key or payload as a dead letter holds."""
    return None if part is None else part[:KEPT_BYTES_MAX]


def kept_headers_of(record: KafkaRecord) -> str | None:
    """Returns the headers of a record as a dead letter holds them, None of too long ones."""
    text = kept_headers.packed(record.headers)
    return text if len(text.encode()) <= KEPT_BYTES_MAX else None


def _cut_note(name: str, part: bytes | None) -> str:
    if part is None or len(part) <= KEPT_BYTES_MAX:
        return ""
    digest = hashlib.sha256(part).hexdigest()
    return f"; {name}: the first {KEPT_BYTES_MAX} of {len(part)} bytes, sha256 {digest}"

"""Why was a record rejected? A closed list, safe to GROUP BY, with what a replay needs."""

from __future__ import annotations

import enum
from typing import NamedTuple

from transforms.contract.transaction import KafkaRecord, ReplayOf

# A detail is for a human who reads a row. 500 characters hold any message of ours; more would let
# a hostile payload fill the table twice, once as payload and once as detail.
DETAIL_CHARS_MAX = 500


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


class Rejected(Exception):
    """A record that no retry can mend.

    Attributes:
        reason: one of the closed list.
        detail: for a human: what was required, what was received.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class DeadLetter(NamedTuple):
    """A record that no retry can mend, with what is needed to find and replay it."""

    topic: str
    partition: int
    offset: int
    broker_time_us: int
    key: bytes | None
    payload: bytes | None  # exactly as read, so that a replay is possible
    reason: str  # Reason.value
    detail: str
    step: str  # the step that rejected it
    replay_of: ReplayOf | None = None

    @classmethod
    def of(
        cls,
        record: KafkaRecord,
        rejected: Rejected,
        step: str,
        replay_of: ReplayOf | None = None,
    ) -> DeadLetter:
        """Returns the dead letter of `record`, its detail cut to DETAIL_CHARS_MAX."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.broker_time_us,
            record.key,
            record.payload,
            rejected.reason.value,
            rejected.detail[:DETAIL_CHARS_MAX],
            step,
            replay_of,
        )

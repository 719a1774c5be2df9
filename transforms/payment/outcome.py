"""The outcomes: each record read from Kafka has exactly one of them."""

from __future__ import annotations

import enum


class Outcome(enum.Enum):
    """The six ends of a record, in the order in which they are decided."""

    SKIPPED = "skipped"  # not the payment, as the contract of the payload says
    INVALID = "invalid"  # cannot be decoded, breaks a rule, or is refused by BigQuery
    LATE = "late"  # arrived more than the allowed lateness after its event time
    ACCEPTED = "accepted"  # the first valid record of its transaction_id
    DUPLICATE = "duplicate"  # the id is remembered and the payment facts agree
    CONFLICT = "conflict"  # the id is remembered and a payment fact differs: possible fraud

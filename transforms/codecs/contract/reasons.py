"""Reasons for which a contract rejects a record, beside those of `dead_letter.Reason`."""

from __future__ import annotations

import enum
from typing import cast

from transforms.payment.dead_letter import Reason, Rejected


class ContractReason(enum.Enum):
    """What can be wrong with a record that only a contract gives a meaning to."""

    NOT_DECODABLE = "not_decodable"  # no Avro, Protobuf, base64 …; the detail names the layer
    UNKNOWN_SCHEMA = "unknown_schema"  # the registry does not know the id of its schema
    UNKNOWN_STATE = "unknown_state"  # a state or type that no list of the contract names
    SEVERAL_PAYMENTS = "several_payments"  # more than one item where one payment is required
    BAD_AMOUNT = "bad_amount"
    AMOUNT_NOT_EXACT = "amount_not_exact"  # more digits than the currency, or a number, can hold


def refused(reason: Reason | ContractReason, detail: str) -> Rejected:
    """Returns the rejection. The reasons are two lists to the type checker, and one in tables."""
    return Rejected(cast(Reason, reason), detail)


def kind_of(value: object) -> str:
    """Returns what a value is, for a human."""
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    names |= {float: "a number with a fraction or exponent", bool: "a boolean", bytes: "bytes"}
    return names.get(type(value), "null" if value is None else type(value).__name__)

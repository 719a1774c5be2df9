"""The form of a transaction in Kafka: one flat JSON object, read strictly.

    {"transaction_id": "tx-81f3", "account_id": "acc-17", "merchant_id": "shop-9",
     "payment_type": "purchase", "amount_minor": 1250, "currency": "EUR",
     "event_time": "2026-11-23T08:15:30.250Z", "country": "DE", "device_id": "dev-4"}

payment/transaction.py declares the fields. Those that are Optional there (`country`, `device_id`)
may be absent or null. Others are ignored, so that a producer may add some. An amount is an integer
of minor units: 12.50 EUR is 1250.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import Any

import orjson

from transforms.payment import replay
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.fields import Declared
from transforms.payment.transaction import PAYLOAD, KafkaRecord, Transaction, made_by

# A payment is about 250 bytes. 64 KiB leaves room for 250 times that, and bounds what one record
# can cost in time and memory; the whole payload is kept in the dead letter all the same.
PAYLOAD_BYTES_MAX = 65_536

# What BigQuery, and Arrow on the way there, have for an integer.
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1

_ABSENT = object()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
# RFC 3339 in UTC, at most microseconds: a finer time would be rounded, and a time without a zone
# could mean any hour of the day.
_EVENT_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)", re.ASCII)


def decode(record: KafkaRecord) -> Transaction:
    """Returns the transaction in `record`.

    Raises:
        Rejected: the payload is not one strictly formed transaction, or the replay header is bad.
    """
    return _transaction(_parse(record.payload), record)


def encode(fields: dict[str, object]) -> bytes:
    """Returns `fields` in the form that `decode` reads fastest: compact, in their own order."""
    return orjson.dumps(fields)


def event_time_text(event_time_us: int) -> str:
    """Returns microseconds since the epoch as the wire's `event_time`."""
    moment = _EPOCH + event_time_us * _MICROSECOND
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _parse(payload: bytes | None) -> dict[str, Any]:
    if payload is None:
        raise Rejected(Reason.TOMBSTONE, "the value is null")
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise Rejected(
            Reason.TOO_LARGE, f"at most {PAYLOAD_BYTES_MAX} bytes are allowed, got {len(payload)}"
        )
    try:
        fields = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    if not isinstance(fields, dict):
        raise Rejected(Reason.NOT_AN_OBJECT, f"a JSON object is required, got {_kind(fields)}")
    _refuse_repeated_fields(payload, fields)
    return fields


def _refuse_repeated_fields(payload: bytes, fields: dict[str, Any]) -> None:
    # orjson keeps the last of two equal fields. When the parsed object is written as the payload
    # again, nothing was dropped; only the others (spaces, escapes) pay for a second parse.
    try:
        if orjson.dumps(fields) == payload:
            return
    except orjson.JSONEncodeError as error:  # an ignored field nested deeper than 254 levels
        raise Rejected(Reason.NOT_JSON, str(error)) from None

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            # In one pass: to count each of 7,000 names among all of them takes a second.
            repeated = next(name for name, _ in pairs if seen.pop(name, _ABSENT) is _ABSENT)
            raise Rejected(Reason.REPEATED_FIELD, f"the field {repeated!r} stands twice")
        return seen

    try:
        json.loads(payload, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None


def _text(fields: dict[str, Any], name: str) -> str:
    value = _required(fields, name)
    if type(value) is not str:
        raise Rejected(Reason.WRONG_TYPE, f"{name} must be a string, got {_kind(value)}")
    return value


def _integer(fields: dict[str, Any], name: str) -> int:
    value = _required(fields, name)
    # bool is a subclass of int: `true` is not an amount.
    if type(value) is not int:
        raise Rejected(Reason.WRONG_TYPE, f"{name} must be an integer, got {_kind(value)}")
    return value


def _bounded_integer(fields: dict[str, Any], name: str) -> int:
    value = _integer(fields, name)
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise Rejected(Reason.WRONG_TYPE, f"{name} must be an integer of 64 bits, got {value}")
    return value


def _required(fields: dict[str, Any], name: str) -> Any:
    try:
        value = fields[name]
    except KeyError:
        raise Rejected(Reason.MISSING_FIELD, f"{name} is required") from None
    if value is None:
        raise Rejected(Reason.MISSING_FIELD, f"{name} is required, got null")
    return value


def _moment(fields: dict[str, Any], name: str) -> int:
    text = _text(fields, name)
    if not _EVENT_TIME.fullmatch(text):
        raise Rejected(
            Reason.BAD_EVENT_TIME,
            f"{name} must be RFC 3339 in UTC with at most microseconds, got {text[:40]!r}",
        )
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(Reason.BAD_EVENT_TIME, f"{name} {text!r}: {error}") from None
    return (moment - _EPOCH) // _MICROSECOND


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", int: "an integer"}
    names |= {float: "a number with a fraction or exponent", bool: "a boolean"}
    return names.get(type(value), "null")


def _optional(decode: Callable[[dict[str, Any], str], Any]) -> Callable[[dict[str, Any], str], Any]:
    return lambda fields, name: None if fields.get(name) is None else decode(fields, name)


def _decode_of(field: Declared) -> Callable[[dict[str, Any], str], Any]:
    column = field.column
    if not field.required:
        return _optional(_DECODE[column.type])
    # Its rules bound the amount, with a reason that tells more.
    return _integer if column.type == "INT64" else _DECODE[column.type]


_DECODE = {"STRING": _text, "INT64": _bounded_integer, "TIMESTAMP": _moment}
_DECODE_OF = {each.name: _decode_of(each) for each in PAYLOAD}
# The fields are looked at in their order: a payload that breaks several has the first one's reason.
_transaction = made_by(
    "fields, record",
    {each.name: f"{each.name}(fields, {each.column.name!r})" for each in PAYLOAD}
    | {name: f"record.{name}" for name in ("topic", "partition", "offset", "broker_time_us")}
    | {"replay_of": "replay_of(record)"},
    {**_DECODE_OF, "replay_of": replay.decode},
)

"""Payloads that cannot be counted: every kind, each with the reason that the contract gives."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from simulator.generate import Payment
from simulator.routing import Route
from simulator.send import MINUTE_US, UNREADABLE, Facts, Later, Send, send_of
from transforms.codecs import wire_format
from transforms.payment.dead_letter import Reason
from transforms.payment.outcome import Outcome
from transforms.payment.rules import AMOUNT_MINOR_MAX, RULES

# A broker takes 1 MiB by default, the record's own overhead included.
_HUGE_BYTES = 900_000
# A few of them show that the path can carry one; more would measure the network.
_HUGE_KIND = "payload_900_kb"
_HUGE_COUNT_MAX = 3
# Well above the clock skew of 5 minutes, so that the network's delay cannot make it valid.
_FUTURE_US = (10 * MINUTE_US, 60 * MINUTE_US)
# Every fourth payment that broke a rule is sent again, corrected: it must be accepted, for a
# rejected record is not remembered.
_CORRECTED_ONE_IN = 4

# A value to put in place of a field's own. `...` takes the field away.
_FIELD_KINDS: dict[str, tuple[Reason, str, Any]] = {
    "missing_id": (Reason.MISSING_FIELD, "transaction_id", ...),
    "missing_amount": (Reason.MISSING_FIELD, "amount_minor", ...),
    "null_id": (Reason.MISSING_FIELD, "transaction_id", None),
    "empty_id": (Reason.BAD_TRANSACTION_ID, "transaction_id", ""),
    "id_with_space": (Reason.BAD_TRANSACTION_ID, "transaction_id", "tx 00 17"),
    "id_unicode": (Reason.BAD_TRANSACTION_ID, "transaction_id", "tx-\u0440\u0430\u0443-\u2603"),
    "id_with_nul": (Reason.BAD_TRANSACTION_ID, "transaction_id", "tx-\x00"),
    "id_with_newline": (Reason.BAD_TRANSACTION_ID, "transaction_id", "tx-17\n"),
    "id_too_long": (Reason.BAD_TRANSACTION_ID, "transaction_id", "t" * 65),
    "id_number": (Reason.WRONG_TYPE, "transaction_id", 17),
    "account_number": (Reason.WRONG_TYPE, "account_id", 17),
    "account_empty": (Reason.BAD_ACCOUNT_ID, "account_id", ""),
    "merchant_with_space": (Reason.BAD_MERCHANT_ID, "merchant_id", "corner shop"),
    "device_with_slash": (Reason.BAD_DEVICE_ID, "device_id", "dev/4"),
    "country_lower_case": (Reason.BAD_COUNTRY, "country", "de"),
    "payment_type_unknown": (Reason.UNKNOWN_PAYMENT_TYPE, "payment_type", "gift"),
    "amount_float": (Reason.WRONG_TYPE, "amount_minor", 12.5),
    "amount_string": (Reason.WRONG_TYPE, "amount_minor", "1250"),
    "amount_boolean": (Reason.WRONG_TYPE, "amount_minor", True),
    "amount_object": (Reason.WRONG_TYPE, "amount_minor", {"value": 1250}),
    "amount_negative": (Reason.AMOUNT_NOT_POSITIVE, "amount_minor", -1250),
    "amount_zero": (Reason.AMOUNT_NOT_POSITIVE, "amount_minor", 0),
    "amount_too_large": (Reason.AMOUNT_TOO_LARGE, "amount_minor", AMOUNT_MINOR_MAX + 1),
    "currency_unknown": (Reason.UNKNOWN_CURRENCY, "currency", "ZZZ"),
    "currency_lower_case": (Reason.UNKNOWN_CURRENCY, "currency", "eur"),
    "currency_gold": (Reason.UNKNOWN_CURRENCY, "currency", "XAU"),
    "event_time_words": (Reason.BAD_EVENT_TIME, "event_time", "yesterday"),
    "event_time_no_zone": (Reason.BAD_EVENT_TIME, "event_time", "2026-11-23T08:15:30"),
    "event_time_month_13": (Reason.BAD_EVENT_TIME, "event_time", "2026-13-01T08:15:30Z"),
    "event_time_1969": (Reason.BAD_EVENT_TIME, "event_time", "1969-12-31T23:59:59Z"),
    "event_time_number": (Reason.WRONG_TYPE, "event_time", 1795421730),
}


def _with_amount(text: bytes) -> Callable[[bytes], bytes]:
    def replace(payload: bytes) -> bytes:
        return re.sub(rb'"amount_minor":\d+', b'"amount_minor":' + text, payload)

    return replace


def _with_note(note: bytes) -> Callable[[bytes], bytes]:
    return lambda payload: payload[:-1] + b',"note":' + note + b"}"


# A change of the payload itself: no JSON writer makes these.
_PAYLOAD_KINDS: dict[str, tuple[Reason, Callable[[bytes], bytes | None]]] = {
    "tombstone": (Reason.TOMBSTONE, lambda payload: None),
    "empty": (Reason.NOT_JSON, lambda payload: b""),
    "not_json": (Reason.NOT_JSON, lambda payload: b"<payment>12.50</payment>"),
    "truncated_json": (Reason.NOT_JSON, lambda payload: payload[: len(payload) // 2]),
    "trailing_text": (Reason.NOT_JSON, lambda payload: payload + b" end"),
    "bad_utf8": (Reason.NOT_JSON, lambda payload: payload.replace(b"tx-", b"tx-\xff\xfe")),
    "lone_surrogate": (Reason.NOT_JSON, lambda payload: payload.replace(b"tx-", rb"\ud800")),
    "amount_nan": (Reason.NOT_JSON, _with_amount(b"NaN")),
    "amount_1e400": (Reason.NOT_JSON, _with_amount(b"1e400")),
    "amount_1e3": (Reason.WRONG_TYPE, _with_amount(b"1e3")),
    "amount_beyond_64_bits": (Reason.WRONG_TYPE, _with_amount(b"18446744073709551616")),
    "deeply_nested": (Reason.NOT_JSON, _with_note(b"[" * 20_000 + b"]" * 20_000)),
    "nested_300": (Reason.NOT_JSON, _with_note(b"[" * 300 + b"]" * 300)),
    "repeated_field": (Reason.REPEATED_FIELD, lambda payload: b'{"amount_minor":1,' + payload[1:]),
    "array": (Reason.NOT_AN_OBJECT, lambda payload: b"[" + payload + b"]"),
    "string": (Reason.NOT_AN_OBJECT, lambda payload: b'"tx-17"'),
    "payload_70_kb": (Reason.TOO_LARGE, _with_note(b'"' + b"x" * 70_000 + b'"')),
    _HUGE_KIND: (Reason.TOO_LARGE, _with_note(b'"' + b"x" * _HUGE_BYTES + b'"')),
}
_FUTURE_KIND = "event_time_in_future"
# What breaks a rule that none of these breaks.
_BROKEN = {reason for reason, *_ in (*_FIELD_KINDS.values(), *_PAYLOAD_KINDS.values())}
_RULE_KINDS = {
    rule.reason.value: rule
    for rule in RULES
    if rule.reason not in _BROKEN and rule.reason is not Reason.EVENT_TIME_IN_FUTURE
}
KINDS = (*_FIELD_KINDS, *_RULE_KINDS, *_PAYLOAD_KINDS, _FUTURE_KIND)


class Corruptor:
    """Spoils payments, one kind after the other in a seeded order, so that a run has every kind."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._waiting: list[str] = []
        self._huge_left = _HUGE_COUNT_MAX

    def corrupt(self, payment: Payment, route: Route, now_us: int) -> Iterator[Later]:
        """Yields a record that must be `invalid`, and sometimes the corrected payment after it."""
        kind = self._next_kind()
        record = self.spoil(kind, payment, route, now_us)
        yield Later(0, record)
        # Only an id that the contract may remember can be remembered by mistake.
        same_id = record.facts.transaction_id == payment.transaction_id
        if same_id and self._rng.randrange(_CORRECTED_ONE_IN) == 0:
            corrected = send_of(payment, route, now_us, Outcome.ACCEPTED, "corrected")
            yield Later(0, corrected)

    def spoil(self, kind: str, payment: Payment, route: Route, now_us: int) -> Send:
        """Returns `payment` spoiled in the way of `kind`, one of `KINDS`."""
        if kind == _FUTURE_KIND:
            event_time_us = now_us + self._rng.randrange(*_FUTURE_US)
            ahead = payment._replace(event_time=wire_format.event_time_text(event_time_us))
            record = send_of(ahead, route, event_time_us, Outcome.INVALID, f"invalid_{kind}")
            return record._replace(reason=Reason.EVENT_TIME_IN_FUTURE)
        if kind in _FIELD_KINDS:
            reason, name, value = _FIELD_KINDS[kind]
            fields = payment._asdict() | {name: value}
            if value is ...:
                del fields[name]
            return _invalid(kind, route, orjson.dumps(fields), _facts_of(fields), reason)
        if kind in _RULE_KINDS:
            rule = _RULE_KINDS[kind]
            fields = rule.broken(payment._asdict())
            return _invalid(kind, route, orjson.dumps(fields), _facts_of(fields), rule.reason)
        reason, change = _PAYLOAD_KINDS[kind]
        return _invalid(kind, route, change(payment.encode()), UNREADABLE, reason)

    def _next_kind(self) -> str:
        if not self._waiting:
            self._waiting = [kind for kind in KINDS if kind != _HUGE_KIND or self._huge_left]
            self._rng.shuffle(self._waiting)
        kind = self._waiting.pop()
        self._huge_left -= kind == _HUGE_KIND
        return kind


def _invalid(kind: str, route: Route, payload: bytes | None, facts: Facts, reason: Reason) -> Send:
    # An empty record without a key is the least that Kafka can carry.
    key = None if kind == "empty" else route.key
    return Send(
        key, route.partition, payload, facts, None, Outcome.INVALID, reason, f"invalid_{kind}"
    )


def _facts_of(fields: dict[str, Any]) -> Facts:
    amount_minor = fields.get("amount_minor")
    return Facts(
        _text(fields, "transaction_id"),
        _text(fields, "account_id"),
        _text(fields, "merchant_id"),
        amount_minor if type(amount_minor) is int else None,
        _text(fields, "currency"),
        _text(fields, "event_time"),
    )


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) else None

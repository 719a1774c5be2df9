"""Payments for tests: valid by default, changed by keyword."""

from __future__ import annotations

from typing import Any

from transforms.codecs import wire_format
from transforms.payment.transaction import KafkaRecord, Transaction

START_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, any whole second would do
SECOND_US = 1_000_000


def fields(**changes: Any) -> dict[str, Any]:
    """Returns the fields of a valid payment on the wire; a change to `...` leaves a field out."""
    payment: dict[str, Any] = {
        "transaction_id": "tx-1",
        "account_id": "acc-1",
        "merchant_id": "shop-1",
        "payment_type": "purchase",
        "amount_minor": 1250,
        "currency": "EUR",
        "event_time": "2026-01-01T00:00:00Z",
        "country": "DE",
        "device_id": "dev-1",
    }
    payment.update(changes)
    return {name: value for name, value in payment.items() if value is not ...}


def record(payload: bytes | None, *, offset: int = 7, arrival_us: int = START_US) -> KafkaRecord:
    """Returns a record that carries `payload`."""
    return KafkaRecord("payments", 0, offset, arrival_us, b"key", payload)


def payload(**changes: Any) -> bytes:
    """Returns a valid payload with the changes."""
    return wire_format.encode(fields(**changes))


def transaction(
    transaction_id: str = "tx-1", *, arrival_us: int = START_US, **changes: Any
) -> Transaction:
    """Returns a valid transaction that arrived at `arrival_us`."""
    values: dict[str, Any] = {
        "transaction_id": transaction_id,
        "account_id": "acc-1",
        "merchant_id": "shop-1",
        "payment_type": "purchase",
        "amount_minor": 1250,
        "currency": "EUR",
        "event_time_us": arrival_us,
        "country": "DE",
        "device_id": None,
        "topic": "payments",
        "partition": 0,
        "offset": 7,
        "broker_time_us": arrival_us,
    }
    values.update(changes)
    return Transaction(**values)

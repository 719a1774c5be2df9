"""Contracts for tests: a small valid one, changed by keyword, and what becomes of a payload."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.support.contract_records import CONTRACTS, Record
from transforms.codecs.contract.decoder import Decoder
from transforms.codecs.contract.language import Contract
from transforms.codecs.contract.load import load, load_file
from transforms.codecs.contract.schema_source import KnownSchemas, SchemaSource
from transforms.payment.dead_letter import Reason, Rejected
from transforms.payment.transaction import KafkaRecord, Transaction

CLOCK_SKEW_US = 300_000_000
# Those that our own JSON has no meaning for.
REASONS_OF_CONTRACTS = frozenset(
    {
        Reason.NOT_DECODABLE,
        Reason.UNKNOWN_SCHEMA,
        Reason.UNKNOWN_STATE,
        Reason.SEVERAL_PAYMENTS,
        Reason.BAD_AMOUNT,
        Reason.AMOUNT_NOT_EXACT,
    }
)


def plain(**changes: Any) -> dict[str, Any]:
    """Returns a contract as YAML has it; a change to `...` leaves a key out."""
    said: dict[str, Any] = {
        "contract": 1,
        "means": "A payment.",
        "format": "json",
        "fields": {
            "transaction_id": "id",
            "account_id": {"at": "payer", "absent": None},
            "merchant_id": "payee",
            "payment_type": {"const": "purchase"},
            "amount": {"at": "amount", "as": "decimal"},
            "currency": "currency",
            "event_time": {"at": "time", "as": "rfc3339"},
        },
    }
    said["fields"].update(changes.pop("fields", {}))
    said["fields"] = {name: each for name, each in said["fields"].items() if each is not ...}
    said.update(changes)
    return {name: each for name, each in said.items() if each is not ...}


def no_file(name: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", name)


def contract(**changes: Any) -> Contract:
    return load(yaml.safe_dump(plain(**changes), sort_keys=False), "test", no_file)


def payload(**changes: Any) -> bytes:
    """Returns a payload that `contract()` accepts, with the changes."""
    fields = {"id": "tx-1", "payer": "a", "payee": "shop", "amount": "12.50", "currency": "EUR"}
    fields = {**fields, "time": "2026-11-23T08:15:30Z", **changes}
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


def outcome(
    said: Contract, record: KafkaRecord | bytes | None, schemas: SchemaSource | None = None
) -> Transaction | tuple[str, str]:
    """Returns the payment, or the outcome and its reason, rule or detail."""
    if not isinstance(record, KafkaRecord):
        record = Record(payload=record)
    decoded = Decoder(said, schemas).decode([record])
    if decoded.skipped:
        return "skipped", decoded.skipped[0][1]
    if decoded.rejected:
        rejected = decoded.rejected[0][1]
        return rejected.reason.value, rejected.detail
    [transaction] = decoded.transactions
    try:
        said.rules(CLOCK_SKEW_US).check(transaction)
    except Rejected as rejected:
        return rejected.reason.value, rejected.detail
    return transaction


def reason(said: Contract, record: KafkaRecord | bytes | None, **more: Any) -> str:
    found = outcome(said, record, **more)
    return "accepted" if isinstance(found, Transaction) else found[0]


def accepted(said: Contract, record: KafkaRecord | bytes | None, **more: Any) -> Transaction:
    found = outcome(said, record, **more)
    assert isinstance(found, Transaction), found
    return found


def shipped(name: str) -> Contract:
    return load_file(CONTRACTS / f"{name}.yaml")


def schemas_of(name: str) -> SchemaSource | None:
    folder = CONTRACTS / "schemas" / name
    return KnownSchemas.in_folder(folder) if folder.is_dir() else None

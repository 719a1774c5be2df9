"""The fingerprint of what state depends on: which record is the same payment, which a conflict."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import orjson

from transforms.codecs.contract import shipped
from transforms.codecs.contract.language import Contract, Field, Path


def fingerprint(contract: Contract) -> str:
    """Returns the sha256 of id, facts and digits, in one spelling.

    Another fingerprint means other digests in state: copies would turn into conflicts, or into
    new payments. Names of columns, topics and what is skipped do not change it.
    """
    identity = {
        "transaction_id": _identity(contract.fields["transaction_id"]),
        "facts": sorted(contract.facts),
        "amount": _amount(contract.fields["amount"]),
    }
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()


def mark(contract: Contract) -> str:
    """Returns what state keeps of a contract: nothing of our own JSON, else its fingerprint."""
    found = fingerprint(contract)
    return "" if found == fingerprint(shipped.native()) else found


def _amount(field: Field) -> dict[str, Any]:
    """Returns how an amount is written; what few contracts say changes no other's fingerprint."""
    said: dict[str, Any] = {
        "as": field.kind,
        "digits": field.amount.digits,
        "scale": field.amount.scale,
    }
    if field.amount.digits_at is not None:
        said["digits_at"] = _path(field.amount.digits_at)
    if field.otherwise:
        said["otherwise"] = [_amount(each) for each in field.otherwise]
    return said


def _identity(field: Field) -> dict[str, Any]:
    said = dataclasses.asdict(field)
    for name in ("line", "amount", "time", "optional", "absent", "otherwise"):
        said.pop(name)
    said["paths"] = [_path(path) for path in field.paths]
    if field.otherwise:
        said["otherwise"] = [_identity(each) for each in field.otherwise]
    return said


def _path(path: Path) -> list[Any]:
    return [path.origin, list(path.segments)]

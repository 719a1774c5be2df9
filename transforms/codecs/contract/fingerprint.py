"""The fingerprint of what state depends on: which record is the same payment, which a conflict."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import orjson

from transforms.codecs.contract import shipped
from transforms.codecs.contract.language import Contract


def fingerprint(contract: Contract) -> str:
    """Returns the sha256 of id, facts and digits, in one spelling.

    Another fingerprint means other digests in state: copies would turn into conflicts, or into
    new payments. Names of columns, topics and what is skipped do not change it.
    """
    identity = {
        "transaction_id": _identity(contract.fields["transaction_id"]),
        "facts": sorted(contract.facts),
        "amount": {
            "as": contract.fields["amount"].kind,
            "digits": contract.fields["amount"].amount.digits,
            "scale": contract.fields["amount"].amount.scale,
        },
    }
    return hashlib.sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)).hexdigest()


def mark(contract: Contract) -> str:
    """Returns what state keeps of a contract: nothing of our own JSON, else its fingerprint."""
    found = fingerprint(contract)
    return "" if found == fingerprint(shipped.native()) else found


def _identity(field: Any) -> dict[str, Any]:
    said = dataclasses.asdict(field)
    for name in ("line", "amount", "time", "optional", "absent"):
        said.pop(name)
    said["paths"] = [[path.origin, list(path.segments)] for path in field.paths]
    return said

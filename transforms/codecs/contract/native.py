"""Tells whether a contract is that of our own JSON, which is decoded by the column."""

from __future__ import annotations

from transforms.codecs import wire_format
from transforms.codecs.contract.language import Contract, Field, Path

_KINDS = {
    "transaction_id": ("transaction_id", "text"),
    "account_id": ("account_id", "text"),
    "merchant_id": ("merchant_id", "text"),
    "payment_type": ("payment_type", "text"),
    "amount": ("amount_minor", "minor_integer"),
    "currency": ("currency", "text"),
    "event_time": ("event_time", "rfc3339_utc"),
    "country": ("country", "text"),
    "device_id": ("device_id", "text"),
}


def is_native(contract: Contract) -> bool:
    """Returns whether `wire_format` gives the very answers that the contract asks for."""
    asks_more = (contract.unwrap, contract.keep, contract.columns, contract.extra)
    if any(asks_more) or contract.format != "json" or contract.tombstones != "reject":
        return False
    if contract.payload_bytes_max != wire_format.PAYLOAD_BYTES_MAX:
        return False
    return all(_is_plain(contract.fields[name], *said) for name, said in _KINDS.items())


def _is_plain(field: Field, at: str, kind: str) -> bool:
    optional = field.name in ("country", "device_id")
    plain = Field(
        field.name,
        (Path(at, "inner", (at,)),),
        kind,
        field.line,
        separator=field.separator,
        optional=optional,
    )
    return field == plain

"""Confluent's frame in front of a payload: a byte 0, and the id of the schema in four more."""

from __future__ import annotations

import struct

from transforms.payment.dead_letter import Reason, Rejected

BYTES = 5
_FRAME = struct.Struct(">BI")


def schema_id(payload: bytes) -> int:
    """Returns the id of the schema; what it has written begins at BYTES.

    Raises:
        Rejected: the payload has no frame.
    """
    if len(payload) < BYTES or payload[0] != 0:
        begin = payload[:BYTES].hex() or "nothing"
        raise Rejected(
            Reason.NOT_DECODABLE,
            f"a byte 0 and four of a schema's id are required in front, got {begin}",
        )
    found: int = _FRAME.unpack_from(payload)[1]
    return found


def body(payload: bytes) -> bytes:
    """Returns what follows the frame. Raises Rejected."""
    schema_id(payload)
    return payload[BYTES:]

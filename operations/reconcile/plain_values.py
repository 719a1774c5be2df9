"""Transactions, keys and payloads as plain values, which are kept on the disk."""

from __future__ import annotations

import hashlib
from typing import Any

from transforms.payment.transaction import ReplayOf, Transaction


def digest(part: bytes | None) -> bytes | None:
    """Returns what stands for a key or a payload: equal for equal bytes, and for no others."""
    return None if part is None else hashlib.blake2b(part, digest_size=16).digest()


def plain_transaction(transaction: Transaction) -> tuple[Any, ...]:
    """Returns the fields as plain values, for the disk."""
    if transaction.replay_of is None:
        return tuple(transaction)
    # _replace takes any value.
    return tuple(transaction._replace(replay_of=tuple(transaction.replay_of)))  # type: ignore


def transaction_of(fields: tuple[Any, ...]) -> Transaction:
    """Returns the transaction that `plain_transaction` took apart."""
    transaction = Transaction._make(fields)
    if transaction.replay_of is None:
        return transaction
    return transaction._replace(replay_of=ReplayOf._make(transaction.replay_of))

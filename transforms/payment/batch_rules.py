"""Finds the transactions of a batch that break a rule or are late: all at once, then few.

A batch that may break a rule is cut into smaller ones, and what is left of it is checked one by
one: `rules` has the answers.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence

from transforms.payment.dead_letter import Rejected
from transforms.payment.rules import Rules
from transforms.payment.transaction import Transaction, by_field

# As in batch_decode.
_PARTS = 8


def broken(
    checker: Rules, transactions: Sequence[Transaction], begin: int = 0
) -> Iterator[tuple[int, Rejected]]:
    """Yields place and reason of each transaction that breaks a rule, in their order.

    Args:
        checker: knows the rules.
        transactions: to be checked.
        begin: place of the first.
    """
    if checker.plainly_kept_by_all(transactions):
        return
    if len(transactions) == 1:
        try:
            checker.check(transactions[0])
        except Rejected as rejected:
            yield begin, rejected
        return
    size = -(-len(transactions) // _PARTS)
    for at in range(0, len(transactions), size):
        yield from broken(checker, transactions[at : at + size], begin + at)


def all_on_time(transactions: Sequence[Transaction], allowed_lateness_us: int) -> bool:
    """Returns whether plainly none is late; False says that each must be asked."""
    if not transactions:
        return True
    columns = by_field(transactions)
    lags_us = map(operator.sub, columns.broker_time_us, columns.event_time_us)
    return not any(columns.replay_of) and max(lags_us) <= allowed_lateness_us
